use std::time::Instant;

/// How many calls a function makes in its turn: enough that most of them follow a call of the same function.
const CALLS_PER_TURN: usize = 20;

/// Measures the median time of each function in microseconds.
///
/// The functions take turns, so that other load on the machine affects all of them.
pub fn medians<const N: usize>(rounds: usize, functions: [&dyn Fn(); N]) -> [f64; N] {
    let mut times = [const { Vec::new() }; N];
    for _ in 0..rounds.div_ceil(CALLS_PER_TURN) {
        for (function, times) in functions.iter().zip(&mut times) {
            for _ in 0..CALLS_PER_TURN {
                let start = Instant::now();
                function();
                times.push(start.elapsed());
            }
        }
    }
    times.map(|mut times| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e6
    })
}
