//! Listening sockets that this process was given by the one before it.

use std::io;
use std::net::{SocketAddr, TcpListener};

/// Listening sockets that somebody else has bound; whoever would bind an address asks here first.
#[derive(Default, Debug)]
pub struct Inherited {
    sockets: Vec<TcpListener>,
}

impl Inherited {
    /// What another process gave.
    #[must_use]
    pub fn new(sockets: Vec<TcpListener>) -> Inherited {
        Inherited { sockets }
    }

    /// True when there is nothing to take.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sockets.is_empty()
    }

    /// All sockets that listen on `address`, in the order in which they were given.
    ///
    /// # Errors
    /// When the kernel does not say where a socket listens.
    pub fn take(&mut self, address: SocketAddr) -> io::Result<Vec<TcpListener>> {
        let mut taken = Vec::new();
        let mut rest = Vec::new();
        for socket in std::mem::take(&mut self.sockets) {
            if socket.local_addr()? == address {
                taken.push(socket);
            } else {
                rest.push(socket);
            }
        }
        self.sockets = rest;
        Ok(taken)
    }

    /// A listener of one's own on `address`: one that was given, or a new one.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(&mut self, address: SocketAddr) -> io::Result<TcpListener> {
        match self.take(address)?.pop() {
            Some(socket) => Ok(socket),
            None => TcpListener::bind(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_is_found_by_its_address_once() {
        let given = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = given.local_addr().unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut inherited = Inherited::new(vec![other, given]);
        assert_eq!(
            inherited.bind(address).unwrap().local_addr().unwrap(),
            address
        );
        assert!(inherited.take(address).unwrap().is_empty());
        assert_eq!(inherited.sockets.len(), 1);
    }
}
