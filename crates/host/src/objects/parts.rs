//! Cutting a body into the parts in which a service takes large objects.

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;
use hushgate_gateway::ports::objects::{ObjectBody, ObjectError};

/// A body in parts of one size; the last may be smaller, and is empty only when the body is.
pub struct Parts {
    body: ObjectBody,
    size: usize,
    held: BytesMut,
    ended: bool,
}

impl Parts {
    /// The parts of a body, of `size` bytes each; one at least.
    pub fn of(body: ObjectBody, size: usize) -> Self {
        Self {
            body,
            size: size.max(1),
            held: BytesMut::new(),
            ended: false,
        }
    }

    /// The next part, and whether it is the last. The body is read up to the piece that holds the byte
    /// after the part.
    ///
    /// # Errors
    /// Those of the body; nothing of it is to be used then.
    pub async fn next(&mut self) -> Result<(Bytes, bool), ObjectError> {
        // One byte more than a part tells that another part comes.
        while !self.ended && self.held.len() <= self.size {
            match self.body.try_next().await? {
                Some(piece) => self.held.extend_from_slice(&piece),
                None => self.ended = true,
            }
        }
        let is_last = self.held.len() <= self.size;
        let size = self.held.len().min(self.size);
        Ok((self.held.split_to(size).freeze(), is_last))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::{StreamExt as _, stream};

    use super::*;

    const SIZE: usize = 8;

    /// So many bytes, no two neighbours alike.
    fn content(length: usize) -> Vec<u8> {
        (0..=u8::MAX).cycle().take(length).collect()
    }

    /// The content in pieces of so many bytes.
    fn body(length: usize, piece: usize) -> ObjectBody {
        let content = content(length);
        let pieces: Vec<_> = content
            .chunks(piece)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        stream::iter(pieces).boxed()
    }

    /// The sizes of the parts; their content is compared.
    async fn sizes(length: usize, piece: usize) -> Vec<usize> {
        let mut parts = Parts::of(body(length, piece), SIZE);
        let (mut sizes, mut whole) = (Vec::new(), Vec::new());
        loop {
            let (part, is_last) = parts.next().await.unwrap();
            sizes.push(part.len());
            whole.extend_from_slice(&part);
            if is_last {
                assert_eq!(whole, content(length), "{length} bytes by {piece}");
                return sizes;
            }
        }
    }

    #[tokio::test]
    async fn all_parts_but_the_last_have_the_size() {
        for (length, expected) in [
            (1, &[1][..]),
            (SIZE - 1, &[7]),
            (SIZE, &[8]),
            (SIZE + 1, &[8, 1]),
            (2 * SIZE - 1, &[8, 7]),
            (2 * SIZE, &[8, 8]),
            (2 * SIZE + 1, &[8, 8, 1]),
        ] {
            // Many small pieces, those that end beside a part's end, and one that holds it all.
            for piece in [1, 3, SIZE - 1, SIZE, SIZE + 1, 1000] {
                assert_eq!(sizes(length, piece).await, expected, "{length} by {piece}");
            }
        }
    }

    #[tokio::test]
    async fn one_piece_of_many_parts_is_cut() {
        let sizes = sizes(1000 * SIZE + 5, usize::MAX).await;
        assert_eq!(sizes.len(), 1001);
        assert!(sizes.iter().take(1000).all(|size| *size == SIZE));
    }

    #[tokio::test]
    async fn an_empty_body_is_one_empty_part() {
        for pieces in [0, 3] {
            let pieces = (0..pieces).map(|_| Ok(Bytes::new()));
            let mut parts = Parts::of(stream::iter(pieces).boxed(), SIZE);
            assert_eq!(parts.next().await.unwrap(), (Bytes::new(), true));
        }
    }

    #[tokio::test]
    async fn pieces_without_bytes_end_nothing() {
        let pieces = ["", "abcdefgh", "", "", "i", ""].map(|piece| Ok(Bytes::from(piece)));
        let mut parts = Parts::of(stream::iter(pieces).boxed(), SIZE);
        let first = parts.next().await.unwrap();
        assert_eq!(first, (Bytes::from("abcdefgh"), false));
        assert_eq!(parts.next().await.unwrap(), (Bytes::from("i"), true));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_has_no_last_part() {
        for whole in [0, 1, SIZE - 1, SIZE, SIZE + 1, 2 * SIZE] {
            let broken = stream::once(async { Err(ObjectError::Changed("k".to_owned())) });
            let body = body(whole, 3).chain(broken).boxed();
            let mut parts = Parts::of(body, SIZE);
            let mut read = 0;
            let error = loop {
                match parts.next().await {
                    Ok((part, is_last)) => {
                        assert!(!is_last, "{read} of {whole} bytes are taken for all");
                        read += part.len();
                    }
                    Err(error) => break error,
                }
            };
            assert!(matches!(error, ObjectError::Changed(_)), "{error}");
            assert!(read < whole.max(1), "{read} of {whole}");
        }
    }

    #[tokio::test]
    async fn a_part_is_given_before_the_rest_is_read() {
        let read = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&read);
        let body = body(100 * SIZE, 1).inspect(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let mut parts = Parts::of(body.boxed(), SIZE);
        for number in 1..=3 {
            parts.next().await.unwrap();
            assert_eq!(read.load(Ordering::Relaxed), number * SIZE + 1);
        }
    }

    #[tokio::test]
    async fn parts_have_a_byte_at_least() {
        let mut parts = Parts::of(body(2, 2), 0);
        assert_eq!(parts.next().await.unwrap().0.len(), 1);
        assert!(parts.next().await.unwrap().1);
    }
}
