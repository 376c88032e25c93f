//! 64 threads share one client: row 23 of the table in tests/README.md.
//!
//! A binary of its own because it measures the memory of the whole process. The fake server runs in a child process, so
//! that its memory does not count.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Lines, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use cloudflare_stream_keys::mock::FakeServer;
use cloudflare_stream_keys::{Client, Credentials, SigningKeys};

const THREADS: usize = 64;
const CALLS_PER_THREAD: usize = 250;

/// A fake server in a child process, which exits when its standard input is closed.
struct FakeProcess {
    child: Child,
    /// Kept open because the child's test runner prints a summary before it exits.
    output: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
}

impl FakeProcess {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["fake_server_process", "--exact", "--ignored", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = output.find_map(|line| line.unwrap().strip_prefix("listening on http://")?.parse().ok()).unwrap();
        Self { child, output, address }
    }
}

impl Drop for FakeProcess {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.output.by_ref().for_each(drop);
        self.child.wait().unwrap();
    }
}

#[test]
#[ignore = "run by FakeProcess, in a child process"]
fn fake_server_process() {
    let fake = FakeServer::start();
    println!("\nlistening on {}", fake.base_url());
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// Starts a TCP proxy to the target that counts connections.
fn start_counting_proxy(target: SocketAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            counter.fetch_add(1, Ordering::SeqCst);
            let server = TcpStream::connect(target).unwrap();
            for stream in [&client, &server] {
                stream.set_nodelay(true).unwrap();
            }
            for (from, to) in [(&client, &server), (&server, &client)] {
                let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                thread::spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
            }
        }
    });
    (address, count)
}

/// Returns the resident memory of this process in MiB, or `None` if there is no /proc.
fn resident_mib() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096 / (1 << 20))
}

/// Makes this many calls. Of every ten, one creates a key, eight list and one deletes. Returns the ids of created and
/// deleted keys.
fn run_calls(keys: &SigningKeys, calls: usize) -> (Vec<String>, Vec<String>) {
    let (mut created, mut deleted) = (Vec::new(), Vec::<String>::new());
    for call in 0..calls {
        match call % 10 {
            0 => created.push(keys.create().unwrap().id),
            9 => {
                let id = created[deleted.len()].clone();
                assert_eq!(keys.delete(&id).unwrap().as_deref(), Some("Revoked"), "deleted on the first attempt");
                deleted.push(id);
            }
            _ => {
                let listed: HashSet<String> = keys.list().unwrap().into_iter().map(|key| key.id).collect();
                assert!(
                    created[deleted.len()..].iter().all(|id| listed.contains(id)),
                    "every key that was not deleted is listed"
                );
                assert!(deleted.iter().all(|id| !listed.contains(id)), "no deleted key is listed");
            }
        }
    }
    (created, deleted)
}

#[test]
fn row_23_many_threads_share_one_client() {
    let fake = FakeProcess::start();
    let (address, connections) = start_counting_proxy(fake.address);
    let client = Client::builder(Credentials::api_token(FakeServer::API_TOKEN))
        .base_url(format!("http://{address}"))
        .build()
        .unwrap();
    // Eight threads share an account, which keeps lists short.
    let keys: Vec<_> = (0..THREADS).map(|n| client.signing_keys(&format!("acct-{}", n / 8)).unwrap()).collect();
    let run_threads = |calls: usize| -> Vec<(Vec<String>, Vec<String>)> {
        thread::scope(|scope| {
            let workers: Vec<_> = keys.iter().map(|keys| scope.spawn(move || run_calls(keys, calls))).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).collect()
        })
    };

    let warm_up = run_threads(CALLS_PER_THREAD / 5);
    let before = resident_mib();
    let results = run_threads(CALLS_PER_THREAD * 4 / 5);
    let after = resident_mib();

    let results = || warm_up.iter().chain(&results);
    let created: Vec<&String> = results().flat_map(|(created, _)| created).collect();
    assert_eq!(created.len(), THREADS * CALLS_PER_THREAD / 10);
    assert_eq!(created.iter().collect::<HashSet<_>>().len(), created.len(), "all ids are distinct");
    let deleted: HashSet<&String> = results().flat_map(|(_, deleted)| deleted).collect();
    assert_eq!(deleted.len(), created.len());
    assert!(keys.iter().all(|keys| keys.list().unwrap().is_empty()));

    let connections = connections.load(Ordering::SeqCst);
    let calls = THREADS * CALLS_PER_THREAD;
    println!("{calls} calls on {connections} connections; MiB before and after: {before:?}, {after:?}");
    // Each create opens a connection. All other calls need at most one per thread.
    assert!(connections <= created.len() + 2 * THREADS, "{connections} connections for {THREADS} threads");
    if let (Some(before), Some(after)) = (before, after) {
        assert!(after <= before + 8, "memory grew from {before} to {after} MiB");
    }
}
