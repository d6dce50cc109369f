//! The load itself: an open loop. A thread of its own tells when requests are due; whichever
//! connection is free takes the next one, and it counts from when it was due.

use super::client::{self, Client, Connection};
use super::mcp;
use super::report::{Ending, Tally};
use super::request::Requests;
use crate::cli::failure::{Doing, Failure};
use futures_util::future::{join_all, try_join_all};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How much, how long, and how patiently.
#[derive(Clone, Copy)]
pub struct Plan {
    /// Requests a second.
    pub rate: f64,
    pub duration: Duration,
    pub connections: u16,
    /// For one request, from when it is sent.
    pub timeout: Duration,
}

impl Plan {
    /// How many requests that makes, at least one.
    pub fn total(&self) -> u64 {
        ((self.rate * self.duration.as_secs_f64()).round() as u64).max(1)
    }

    /// When a request is due, counted from the beginning.
    fn due(&self, number: u64) -> Duration {
        Duration::from_secs_f64(number as f64 / self.rate)
    }
}

/// Opens all connections, sends all requests, and waits for what comes of them. No connection at
/// all is an error; whatever happens later is counted.
pub async fn run(client: &Client, requests: &Requests, plan: Plan) -> Result<Tally, Failure> {
    let opening = (0..plan.connections).map(|_| client.connect());
    let connections = try_join_all(opening).await?;
    let load = Load {
        client,
        requests,
        plan,
        begin: Instant::now(),
        due: Arc::new(Semaphore::new(0)),
        next: Cell::new(0),
        tally: RefCell::new(Tally::new()?),
    };
    let due = Arc::clone(&load.due);
    let (begin, total) = (load.begin, plan.total());
    let clock = std::thread::Builder::new().name("due".to_owned());
    let clock = clock
        .spawn(move || tell(&due, begin, total, plan))
        .doing("start a thread")?;
    join_all(connections.into_iter().map(|it| load.work(it))).await;
    let Load { tally, begin, .. } = load;
    let mut tally = tally.into_inner();
    tally.elapsed = begin.elapsed();
    clock
        .join()
        .map_err(|_| Failure::new("the clock stopped"))?;
    Ok(tally)
}

/// Adds a permit for each request when it is due.
fn tell(due: &Semaphore, begin: Instant, total: u64, plan: Plan) {
    // Otherwise every wait is 50 microseconds too long. Where that is not allowed, it is.
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    let mut told = 0;
    while told < total {
        let wait = plan.due(told).saturating_sub(begin.elapsed());
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
        let before = told;
        while told < total && plan.due(told) <= begin.elapsed() {
            told += 1;
        }
        due.add_permits((told - before) as usize);
    }
}

struct Load<'a> {
    client: &'a Client,
    requests: &'a Requests,
    plan: Plan,
    begin: Instant,
    /// A permit for each request that is due and that nobody has taken.
    due: Arc<Semaphore>,
    /// The number of the next request.
    next: Cell<u64>,
    tally: RefCell<Tally>,
}

impl Load<'_> {
    /// What one connection does.
    async fn work(&self, connection: Connection) {
        let mut connection = Some(connection);
        while let Ok(permit) = self.due.acquire().await {
            permit.forget();
            let number = self.next.replace(self.next.get() + 1);
            if number + 1 >= self.plan.total() {
                // That was the last: nobody waits for another.
                self.due.close();
            }
            let (ending, bytes) = self.send(number, &mut connection).await;
            let taken = self.begin.elapsed().saturating_sub(self.plan.due(number));
            self.tally.borrow_mut().count(ending, taken, bytes);
        }
    }

    /// Sends one request, and says how that ended and how many bytes came. A connection that is not
    /// as it should be is left out, and opened again by the next.
    async fn send(&self, number: u64, connection: &mut Option<Connection>) -> (Ending, u64) {
        let end = self.plan.duration + self.plan.timeout;
        let left = end.saturating_sub(self.begin.elapsed());
        if left.is_zero() {
            return (Ending::Unsent, 0);
        }
        let patience = left.min(self.plan.timeout);
        match tokio::time::timeout(patience, self.exchange(number, connection)).await {
            Ok(done) => done,
            Err(_) => {
                *connection = None;
                (Ending::Late, 0)
            }
        }
    }

    async fn exchange(&self, number: u64, connection: &mut Option<Connection>) -> (Ending, u64) {
        // One that the server has closed meanwhile is no use.
        let mut open = match connection.take().filter(|open| !open.is_closed()) {
            Some(open) => open,
            None => match self.client.connect().await {
                Ok(open) => open,
                Err(_) => return (Ending::Unreachable, 0),
            },
        };
        let is_call = self.requests.are_calls();
        let request = self.requests.make(number);
        match client::exchange(&mut open, request, is_call).await {
            Err(_) => (Ending::Broken, 0),
            Ok(answer) => {
                *connection = Some(open);
                let ending = match is_call && answer.status == 200 {
                    true => mcp::ending(&answer),
                    false => Ending::Status(answer.status.as_u16()),
                };
                (ending, answer.bytes)
            }
        }
    }
}
