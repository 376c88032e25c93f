//! 64 threads on one client: row 23 of the table in the README. The fake runs in a process of its own, so that memory
//! and connections are the client's.

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
const CALLS: usize = 1000;

/// The fake, in a process that ends with its standard input.
struct FakeProcess {
    child: Child,
    /// Held open, for the test runner in the child has its last words to say.
    output: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
}

impl FakeProcess {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["the_fake_alone", "--exact", "--ignored", "--nocapture"])
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
#[ignore = "runs in a process of its own"]
fn the_fake_alone() {
    let fake = FakeServer::start();
    println!("\nlistening on {}", fake.base_url());
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// Passes connections on, and counts them.
fn counting_relay(target: SocketAddr) -> (SocketAddr, Arc<AtomicUsize>) {
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

/// Memory in use by this process, in MiB.
fn resident() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096 / (1 << 20))
}

/// Of ten calls one creates a key, one deletes a key that is there, and eight list. Gives the keys created and deleted.
fn work(keys: &SigningKeys, calls: usize) -> (Vec<String>, Vec<String>) {
    let (mut created, mut deleted) = (Vec::new(), Vec::<String>::new());
    for call in 0..calls {
        match call % 10 {
            0 => created.push(keys.create().unwrap().id),
            9 => {
                let id = created[deleted.len()].clone();
                assert_eq!(keys.delete(&id).unwrap().as_deref(), Some("Revoked"), "deleted once");
                deleted.push(id);
            }
            _ => {
                let listed: HashSet<String> = keys.list().unwrap().into_iter().map(|key| key.id).collect();
                assert!(created[deleted.len()..].iter().all(|id| listed.contains(id)), "every living key is listed");
                assert!(deleted.iter().all(|id| !listed.contains(id)), "and no deleted one");
            }
        }
    }
    (created, deleted)
}

#[test]
fn row_23_many_threads_share_one_client() {
    let fake = FakeProcess::start();
    let (address, connections) = counting_relay(fake.address);
    let client = Client::builder()
        .credentials(Credentials::api_token(FakeServer::API_TOKEN))
        .base_url(format!("http://{address}"))
        .build()
        .unwrap();
    // An account each eight threads, so that lists stay short.
    let keys: Vec<_> = (0..THREADS).map(|n| client.signing_keys(&format!("acct-{}", n / 8)).unwrap()).collect();
    let round = |calls: usize| -> Vec<(Vec<String>, Vec<String>)> {
        thread::scope(|scope| {
            let workers: Vec<_> = keys.iter().map(|keys| scope.spawn(move || work(keys, calls))).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).collect()
        })
    };

    let warm_up = round(CALLS / 10);
    let before = resident();
    let results = round(CALLS * 9 / 10);
    let after = resident();

    let results = || warm_up.iter().chain(&results);
    let created: Vec<&String> = results().flat_map(|(created, _)| created).collect();
    assert_eq!(created.len(), THREADS * CALLS / 10);
    assert_eq!(created.iter().collect::<HashSet<_>>().len(), created.len(), "every key is another");
    let deleted: HashSet<&String> = results().flat_map(|(_, deleted)| deleted).collect();
    assert_eq!(deleted.len(), created.len());
    assert!(keys.iter().all(|keys| keys.list().unwrap().is_empty()));

    let connections = connections.load(Ordering::SeqCst);
    println!("{} calls on {connections} connections; MiB before and after: {before:?}, {after:?}", THREADS * CALLS);
    // A create has a connection of its own; all else shares one a thread.
    assert!(connections <= created.len() + 2 * THREADS, "{connections} connections for {THREADS} threads");
    if let (Some(before), Some(after)) = (before, after) {
        assert!(after <= before + 16, "memory grew from {before} to {after} MiB");
    }
}
