//! A request as it comes over the wire to a server of the tests.

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// One request, its body read by `content-length`.
pub(crate) struct Incoming {
    /// Method, target and version.
    pub(crate) line: String,
    /// In the order and the case that they came in.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Incoming {
    /// Reads one request; `None` when the other side leaves before its end.
    pub(crate) async fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
                break end;
            }
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let line = lines.next()?.to_owned();
        let headers: Vec<_> = lines
            .map(|header| header.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let length = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, length)| length.parse().unwrap());
        while bytes.len() < end + 4 + length {
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        }
        let body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
        Some(Self {
            line,
            headers,
            body,
        })
    }
}
