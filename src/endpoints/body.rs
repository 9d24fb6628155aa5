//! Reading a request's body, bounded.

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt;
use keelson_apimachinery::Status;

use crate::request::Body;

/// The largest body that is read, in bytes: upstream's `MaxRequestBodyBytes`.
pub const MAX_BODY: usize = 3 * 1024 * 1024;

/// How much of a body that is too large is still read and dropped, so that its sender gets to see the answer
/// and may keep the connection.
const DRAINED: usize = 256 * 1024;

/// The whole body, which is not copied where it came in one piece.
///
/// # Errors
/// 413 past [`MAX_BODY`]; 400 where the sender broke off.
pub async fn read(mut body: Body) -> Result<Bytes, Status> {
    let announced = body.size_hint().exact().map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let too_large = || Status::request_entity_too_large(format_args!("limit is {MAX_BODY}"));
    // Nobody waits for what will be thrown away.
    if announced > MAX_BODY + DRAINED {
        return Err(too_large());
    }
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Status::bad_request(format!("the body can't be read: {e}")))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length > MAX_BODY + DRAINED {
            break;
        }
        if length > MAX_BODY || data.is_empty() {
            continue;
        }
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.reserve(announced.clamp(length, MAX_BODY));
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    if length > MAX_BODY {
        return Err(too_large());
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Frame;
    use http_body_util::StreamBody;

    async fn read_pieces(pieces: Vec<usize>) -> Result<usize, Status> {
        let frames = pieces.into_iter().map(|n| Ok(Frame::data(Bytes::from(vec![b'x'; n]))));
        let body = StreamBody::new(futures::stream::iter(frames)).boxed_unsync();
        read(body).await.map(|b| b.len())
    }

    #[tokio::test]
    async fn bodies_are_read_up_to_the_limit() {
        assert_eq!(read_pieces(vec![]).await, Ok(0));
        assert_eq!(read_pieces(vec![5]).await, Ok(5));
        assert_eq!(read_pieces(vec![5, 0, 7, 1]).await, Ok(13));
        assert_eq!(read_pieces(vec![MAX_BODY - 1, 1]).await, Ok(MAX_BODY));
        for pieces in [vec![MAX_BODY + 1], vec![MAX_BODY, 1], vec![MAX_BODY, DRAINED, 1, 1_000]] {
            let status = read_pieces(pieces).await.unwrap_err();
            assert_eq!(status.code(), 413);
            assert_eq!(status.message(), "Request entity too large: limit is 3145728");
        }
    }
}
