//! A client that reads responses from memory, so that the fuzzer covers all code and needs no network.

use cloudflare_stream_keys::ureq::config::Config;
use cloudflare_stream_keys::ureq::http::Uri;
use cloudflare_stream_keys::ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use cloudflare_stream_keys::ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};
use cloudflare_stream_keys::ureq::{Agent, Error};
use cloudflare_stream_keys::{Client, Credentials, RetryPolicy, SigningKeys};

/// Creates a handle whose requests all receive these bytes, after which the connection closes.
pub fn signing_keys(response: &[u8]) -> SigningKeys {
    let agent = Agent::with_parts(Config::default(), Memory(response.to_vec()), Nowhere);
    let client = Client::builder(Credentials::api_token("token"))
        .base_url("http://127.0.0.1:1")
        .retry_policy(RetryPolicy::none())
        .agent(agent)
        .build();
    client.expect("valid settings").signing_keys("account").expect("a valid account ID")
}

#[derive(Debug)]
struct Memory(Vec<u8>);

#[derive(Debug)]
struct Connection {
    unread: Vec<u8>,
    buffers: LazyBuffers,
}

impl Connector for Memory {
    type Out = Connection;

    fn connect(&self, details: &ConnectionDetails, _: Option<()>) -> Result<Option<Connection>, Error> {
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Connection { unread: self.0.clone(), buffers }))
    }
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        let free = self.buffers.input_append_buf();
        let amount = free.len().min(self.unread.len());
        free[..amount].copy_from_slice(&self.unread[..amount]);
        self.buffers.input_appended(amount);
        self.unread.drain(..amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        !self.unread.is_empty()
    }
}

#[derive(Debug)]
struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut addresses = self.empty();
        addresses.push(([127, 0, 0, 1], 1).into());
        Ok(addresses)
    }
}
