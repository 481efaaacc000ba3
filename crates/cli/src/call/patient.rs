//! A connection that is read although the other side takes no more.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection whose writes don't fail when the other side closed it: a server that refuses a body
/// before it has it answers and closes, and its answer is still there to be read.
pub(super) struct Patient {
    stream: TcpStream,
    deaf: Deaf,
}

/// Whether what is written to a connection goes nowhere.
#[derive(Clone, Default)]
pub(super) struct Deaf(Arc<AtomicBool>);

impl Deaf {
    pub(super) fn is_so(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Patient {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            deaf: Deaf::default(),
        }
    }

    /// What tells, now and later, whether the other side takes nothing any more.
    pub(super) fn deaf(&self) -> Deaf {
        self.deaf.clone()
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.deaf.is_so() {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        match written {
            Poll::Ready(Err(error)) if closed(&error) => {
                self.deaf.0.store(true, Ordering::Release);
                Poll::Ready(Ok(bytes.len()))
            }
            written => written,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

fn closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_answer_is_read_from_a_server_that_took_half_of_the_request() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_exact(&mut [0; 10]).await.unwrap();
            stream.write_all(b"too large").await.unwrap();
            // Closed with something unread, it is reset.
        });
        let mut stream = Patient::new(TcpStream::connect(address).await.unwrap());
        stream.write_all(&vec![0; 20_000_000]).await.unwrap();
        server.await.unwrap();
        let mut answer = [0; 9];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"too large");
        assert!(stream.deaf().is_so(), "it is of no use any more");
    }
}
