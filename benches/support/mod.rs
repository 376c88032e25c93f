use std::time::Instant;

/// Microseconds of each, in the median of so many rounds, taking turns.
pub fn medians<const N: usize>(rounds: usize, contenders: [&dyn Fn(); N]) -> [f64; N] {
    let mut times = [const { Vec::new() }; N];
    for _ in 0..rounds {
        for (contender, times) in contenders.iter().zip(&mut times) {
            let start = Instant::now();
            contender();
            times.push(start.elapsed());
        }
    }
    times.map(|mut times| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e6
    })
}
