//! A collector of spans, for tests: OTLP over gRPC.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use keelson_base::task::TaskGroup;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use parking_lot::Mutex;
use prost::Message;
use tokio::net::TcpListener;

/// A span as it came.
#[derive(Clone, Debug)]
pub(crate) struct Collected {
    pub(crate) name: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty where it has none.
    pub(crate) parent: String,
    /// The spans that it links to.
    pub(crate) links: Vec<String>,
    pub(crate) events: Vec<String>,
    /// `service.name` of its resource.
    pub(crate) service: String,
    attributes: Vec<KeyValue>,
}

impl Collected {
    fn of(span: Span, service: &str) -> Self {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Collected {
            name: span.name,
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            links: span.links.iter().map(|link| hex(&link.span_id)).collect(),
            events: span.events.into_iter().map(|event| event.name).collect(),
            service: service.to_owned(),
            attributes: span.attributes,
        }
    }

    /// An attribute as text; empty where there is none.
    pub(crate) fn attribute(&self, key: &str) -> String {
        text(&self.attributes, key)
    }
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.as_ref()).and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => other.map(|other| format!("{other:?}")).unwrap_or_default(),
    }
}

/// A collector on a port of loopback. Ends with this value.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    spans: Arc<Mutex<Vec<Collected>>>,
    tasks: TaskGroup,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.tasks.abort_all();
    }
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (spans, tasks) = (Arc::new(Mutex::new(Vec::new())), TaskGroup::new());
        let (taken, connections) = (Arc::clone(&spans), tasks.clone());
        tasks.spawn("collector", async move {
            while let Ok((stream, _)) = listener.accept().await {
                let taken = Arc::clone(&taken);
                connections.spawn("collector-connection", async move {
                    let serve = service_fn(move |request| serve(request, Arc::clone(&taken)));
                    let http2 = http2::Builder::new(TokioExecutor::new());
                    drop(http2.serve_connection(TokioIo::new(stream), serve).await);
                });
            }
        });
        Collector { address, spans, tasks }
    }

    /// What came so far, and takes it.
    pub(crate) fn take(&self) -> Vec<Collected> {
        std::mem::take(&mut self.spans.lock())
    }
}

type Answer = StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

async fn serve(
    request: Request<Incoming>,
    taken: Arc<Mutex<Vec<Collected>>>,
) -> Result<Response<Answer>, hyper::Error> {
    assert_eq!(request.uri().path(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    let message = request.into_body().collect().await?.to_bytes();
    // A byte that says that nothing is compressed, and four of the length, stand before the message.
    assert_eq!(message[0], 0, "nothing is compressed");
    let message = ExportTraceServiceRequest::decode(&message[5..]).expect("a request");
    for resource_spans in message.resource_spans {
        let resource = resource_spans.resource.unwrap_or_default();
        let service = text(&resource.attributes, "service.name");
        let spans = resource_spans.scope_spans.into_iter().flat_map(|scope| scope.spans);
        taken.lock().extend(spans.map(|span| Collected::of(span, &service)));
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = vec![Ok(Frame::data(Bytes::from_static(&[0; 5]))), Ok(Frame::trailers(trailers))];
    let mut response = Response::new(StreamBody::new(stream::iter(frames)));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    Ok(response)
}
