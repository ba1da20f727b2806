//! A proxy before ClickHouse that strikes at one request.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// When to strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The request is on its way; ClickHouse never sees it.
    Before,
    /// ClickHouse has done it; its answer never arrives.
    After,
}

/// Passes everything on until the request with this text in its address comes.
pub(crate) struct Proxy {
    pub(crate) url: String,
    /// Says that the moment has come; nothing passes from then on.
    pub(crate) struck: Receiver<()>,
}

#[derive(Clone)]
struct Plan {
    needle: Vec<u8>,
    moment: Moment,
    tell: Sender<()>,
    stopped: Arc<AtomicBool>,
}

impl Proxy {
    pub(crate) fn start(upstream: &str, needle: &str, moment: Moment) -> Self {
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, struck) = channel();
        let plan = Plan { needle: needle.into(), moment, tell, stopped: Arc::default() };
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (Ok(server), plan) = (TcpStream::connect(&upstream), plan.clone()) else { break };
                let marked = Arc::new(AtomicBool::new(false));
                let (client2, server2) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (plan2, marked2) = (plan.clone(), Arc::clone(&marked));
                thread::spawn(move || plan.forward(client, server, &marked, Moment::Before));
                thread::spawn(move || plan2.forward(server2, client2, &marked2, Moment::After));
            }
        });
        Self { url, struck }
    }
}

impl Plan {
    /// Copies one direction: requests look for the needle, answers to a marked request strike.
    fn forward(&self, mut from: TcpStream, mut to: TcpStream, marked: &AtomicBool, direction: Moment) {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let piece = &buffer[..length];
            if direction == Moment::Before && piece.windows(self.needle.len()).any(|part| part == self.needle)
            {
                marked.store(true, Ordering::SeqCst);
            }
            if marked.load(Ordering::SeqCst) && direction == self.moment {
                self.stopped.store(true, Ordering::SeqCst);
                let _ = self.tell.send(());
            }
            if self.stopped.load(Ordering::SeqCst) || to.write_all(piece).is_err() {
                break;
            }
        }
        // A request that was cut off must not reach the server as a whole one.
        if self.stopped.load(Ordering::SeqCst) {
            thread::park_timeout(Duration::from_secs(30));
        } else {
            let _ = to.shutdown(Shutdown::Write);
        }
    }
}
