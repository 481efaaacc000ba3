//! The first address of a host that answers (RFC 8305): one that is dead costs a moment, not the call.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The head start of an address before the next one (RFC 8305 section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to the first of the addresses that answers; each gets a head start before the next one, which
/// begins at once when one fails. It waits for those that are left for as long as they take.
///
/// # Errors
/// With the last address that failed and why, when all did; with none when there is none.
pub(super) async fn first_of(
    addresses: Vec<SocketAddr>,
) -> Result<TcpStream, Option<(SocketAddr, io::Error)>> {
    let mut waiting = by_turns(addresses);
    let mut trying = JoinSet::new();
    let mut failed = None;
    loop {
        if let Some(address) = waiting.pop_front() {
            trying.spawn(async move { (address, TcpStream::connect(address).await) });
        }
        let answered = if waiting.is_empty() {
            trying.join_next().await
        } else {
            match timeout(HEAD_START, trying.join_next()).await {
                Ok(answered) => answered,
                Err(_) => continue,
            }
        };
        match answered {
            Some(Ok((_, Ok(stream)))) => return Ok(stream),
            Some(Ok((address, Err(error)))) => failed = Some((address, error)),
            Some(Err(_)) => {}
            None => return Err(failed),
        }
    }
}

/// The addresses in their order, IPv6 and IPv4 by turns (RFC 8305 section 4): mostly all of a kind are dead.
fn by_turns(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let six_first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (VecDeque<_>, VecDeque<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == six_first);
    let mut kinds = [first, second];
    let mut turns = VecDeque::new();
    while kinds.iter().any(|kind| !kind.is_empty()) {
        turns.extend(kinds.iter_mut().filter_map(VecDeque::pop_front));
    }
    turns
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    /// A listener on this machine that nobody can connect to any more, and what fills its queue.
    async fn dead() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        while let Ok(stream) =
            timeout(Duration::from_millis(300), TcpStream::connect(address)).await
        {
            queue.push(stream.unwrap());
            assert!(queue.len() < 100, "the queue takes everybody");
        }
        (address, listener, queue)
    }

    #[tokio::test]
    async fn a_dead_address_does_not_keep_a_call_from_the_next_one() {
        let (dead, _listener, _queue) = dead().await;
        let alive = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = alive.local_addr().unwrap();
        let start = Instant::now();
        let reached = timeout(Duration::from_secs(5), first_of(vec![dead, address])).await;
        assert_eq!(reached.unwrap().unwrap().peer_addr().unwrap(), address);
        assert!(start.elapsed() >= HEAD_START, "the first one has its time");
        // One that refuses is not waited for.
        let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = refusing.local_addr().unwrap();
        drop(refusing);
        let start = Instant::now();
        let reached = first_of(vec![closed, address]).await;
        assert_eq!(reached.unwrap().peer_addr().unwrap(), address);
        assert!(start.elapsed() < HEAD_START);
    }

    #[tokio::test]
    async fn the_first_address_is_taken_while_it_answers_in_time() {
        let (first, second) = (
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
        );
        let (one, other) = (first.local_addr().unwrap(), second.local_addr().unwrap());
        let reached = first_of(vec![one, other]).await.unwrap();
        assert_eq!(reached.peer_addr().unwrap(), one);
    }

    #[tokio::test]
    async fn where_all_addresses_fail_the_reason_is_told() {
        let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = refusing.local_addr().unwrap();
        drop(refusing);
        let (address, error) = first_of(vec![closed]).await.unwrap_err().unwrap();
        assert_eq!(
            (address, error.kind()),
            (closed, io::ErrorKind::ConnectionRefused)
        );
        assert!(first_of(Vec::new()).await.unwrap_err().is_none());
    }

    #[test]
    fn kinds_of_addresses_take_turns() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let six = ["[::1]:1", "[::2]:1", "[::3]:1"].map(address);
        let four = ["10.0.0.1:1", "10.0.0.2:1"].map(address);
        assert_eq!(
            by_turns([&six[..], &four].concat()),
            [six[0], four[0], six[1], four[1], six[2]]
        );
        let mixed = [four[0], six[0], four[1]];
        assert_eq!(by_turns(mixed.to_vec()), mixed);
    }
}
