//! [`Proxy`], a CONNECT and SOCKS5 proxy that records what passes through it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A proxy that tunnels every connection to one target, whatever name is asked for. Runs until the test process ends.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Default)]
pub struct State {
    /// The heads of CONNECT requests, or `HOST:PORT` of SOCKS requests.
    pub requests: Vec<String>,
    /// `USER:PASSWORD` of SOCKS requests.
    pub credentials: Vec<String>,
    /// What clients sent through the tunnels.
    pub tunneled: Vec<u8>,
}

impl Proxy {
    pub fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let state = proxy.state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = state.clone();
                thread::spawn(move || serve(stream, target, &state));
            }
        });
        proxy
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn state(&self) -> State {
        self.state.lock().unwrap().clone()
    }
}

fn serve(mut client: TcpStream, target: SocketAddr, state: &Mutex<State>) -> io::Result<()> {
    let mut first = [0];
    client.peek(&mut first)?;
    if first[0] == 5 {
        accept_socks5(&mut client, state)?;
    } else {
        let head = read_head(&mut client)?;
        state.lock().unwrap().requests.push(head);
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    }
    let mut server = TcpStream::connect(target)?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Write);
    });
    let mut buffer = [0; 4096];
    loop {
        match client.read(&mut buffer)? {
            0 => return server.shutdown(Shutdown::Write),
            n => {
                state.lock().unwrap().tunneled.extend(&buffer[..n]);
                server.write_all(&buffer[..n])?;
            }
        }
    }
}

fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        bytes.push(byte[0]);
    }
    Ok(String::from_utf8(bytes).unwrap())
}

/// Follows RFC 1928, and RFC 1929 if the client offers credentials.
fn accept_socks5(client: &mut TcpStream, state: &Mutex<State>) -> io::Result<()> {
    let read = |client: &mut TcpStream, length: u8| {
        let mut bytes = vec![0; length.into()];
        client.read_exact(&mut bytes).map(|()| bytes)
    };
    let methods = read(client, 2)?[1];
    if read(client, methods)?.contains(&2) {
        client.write_all(&[5, 2])?;
        let length = read(client, 2)?[1];
        let user = read(client, length)?;
        let length = read(client, 1)?[0];
        let password = read(client, length)?;
        let credentials = [user, password].map(|part| String::from_utf8(part).unwrap()).join(":");
        state.lock().unwrap().credentials.push(credentials);
        client.write_all(&[1, 0])?;
    } else {
        client.write_all(&[5, 0])?;
    }
    let host = match read(client, 4)?[3] {
        3 => {
            let length = read(client, 1)?[0];
            String::from_utf8(read(client, length)?).unwrap()
        }
        _ => read(client, 4)?.iter().map(u8::to_string).collect::<Vec<_>>().join("."),
    };
    let port = read(client, 2)?;
    state.lock().unwrap().requests.push(format!("{host}:{}", u16::from_be_bytes([port[0], port[1]])));
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
}
