//! A platform's managed-identity endpoint on loopback, in plain HTTP, that remembers what it was asked.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

pub struct Platform {
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Platform {
    /// Answers every request with a token that ends in an hour.
    pub fn start() -> Platform {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/msi/token", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let told = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &told);
            }
        });
        Platform { url, asked }
    }

    /// The heads of the requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, asked: &Mutex<Vec<String>>) {
    let mut head = String::new();
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    while lines.read_line(&mut head).unwrap() > 2 {}
    let number = {
        let mut asked = asked.lock().unwrap();
        asked.push(head.to_ascii_lowercase());
        asked.len()
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let ends = now.as_secs() + 3600;
    let body = format!(
        r#"{{"access_token":"platform-token-{number}","expires_on":"{ends}","resource":"r","token_type":"Bearer"}}"#
    );
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .unwrap();
}
