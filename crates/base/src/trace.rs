//! Traces: what a request took its time for, as a tree of spans.
//!
//! Whoever begins a trace has a [`Tracer`]; everybody else calls [`span`], which makes a child of the span that the
//! running future is in ([`Span::hold`]), and nothing at all where it is in none: then no text is made and nothing
//! allocated. Work that goes on in another task takes its span with it ([`carry`]).
//!
//! Where spans go, and which traces are recorded, is the tracer's business (OpenTelemetry's SDK makes them); here
//! is only its interface, so that every crate can tell of its work.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::SystemTime;

use opentelemetry::global::{BoxedTracer, ObjectSafeTracer};
use opentelemetry::trace::{
    Link, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
    TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use pin_project_lite::pin_project;

/// The longest value of `tracestate` that is taken on, in bytes (W3C: at least 512 have to be).
const LONGEST_STATE: usize = 512;

/// Makes the first spans of traces. Clones share it.
#[derive(Clone)]
pub struct Tracer(Arc<BoxedTracer>);

impl fmt::Debug for Tracer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Tracer")
    }
}

/// What the first span of a trace is like.
#[derive(Debug)]
pub struct Root {
    /// Its name.
    pub name: String,
    /// When it began.
    pub begun: SystemTime,
    /// The span of another process that it is a part of.
    pub parent: Option<Remote>,
    /// The span of another process that caused it, but does not decide whether it is recorded.
    pub link: Option<Remote>,
}

/// A span of another process.
#[derive(Clone, Debug)]
pub struct Remote(SpanContext);

impl Remote {
    /// Reads the headers `traceparent` and `tracestate`. A state that can't be read is left out.
    ///
    /// Source: W3C Trace Context, level 1.
    pub fn parse(parent: &str, state: Option<&str>) -> Option<Remote> {
        let mut parts = parent.trim().splitn(5, '-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hexadecimal = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let shaped = hexadecimal(version, 2)
            && version != "ff"
            && hexadecimal(trace, 32)
            && hexadecimal(span, 16)
            && hexadecimal(flags, 2);
        // The first version ends there; later ones may go on.
        if !shaped || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
        let state = state.filter(|state| state.len() <= LONGEST_STATE).and_then(|state| state.parse().ok());
        let context = SpanContext::new(
            TraceId::from_hex(trace).ok()?,
            SpanId::from_hex(span).ok()?,
            flags,
            true,
            state.unwrap_or(TraceState::NONE),
        );
        context.is_valid().then_some(Remote(context))
    }
}

impl Tracer {
    /// Over a tracer of OpenTelemetry's SDK.
    pub fn new(tracer: impl ObjectSafeTracer + Send + Sync + 'static) -> Self {
        Tracer(Arc::new(BoxedTracer::new(Box::new(tracer))))
    }

    /// The first span of a trace in this process. Whether it is recorded its parent decides, or else the sampler.
    pub fn root(&self, root: Root) -> Span {
        let mut builder =
            SpanBuilder::from_name(root.name).with_kind(SpanKind::Server).with_start_time(root.begun);
        if let Some(Remote(link)) = root.link {
            builder = builder.with_links(vec![Link::with_context(link)]);
        }
        let parent = match root.parent {
            Some(Remote(parent)) => Context::new().with_remote_span_context(parent),
            None => Context::new(),
        };
        Span(Some(Current::start(&self.0, builder, &parent)))
    }
}

/// The span that a future is in.
#[derive(Clone)]
struct Current {
    tracer: Arc<BoxedTracer>,
    context: Context,
    recorded: bool,
}

impl Current {
    fn start(tracer: &Arc<BoxedTracer>, builder: SpanBuilder, parent: &Context) -> Self {
        let context = parent.with_span(tracer.build_with_context(builder, parent));
        let recorded = context.span().is_recording();
        Current { tracer: Arc::clone(tracer), context, recorded }
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// What `read` makes of the current span, where there is one that is recorded.
fn recorded<T>(read: impl FnOnce(&Current) -> T) -> Option<T> {
    CURRENT.with_borrow(|current| current.as_ref().filter(|current| current.recorded).map(read))
}

/// A child of the current span, of this process's own work. It ends when it is dropped.
pub fn span(name: impl Into<Cow<'static, str>>) -> Span {
    span_of_kind(name, SpanKind::Internal)
}

/// A child of the current span: a request to another process. It ends when it is dropped.
pub fn client_span(name: impl Into<Cow<'static, str>>) -> Span {
    span_of_kind(name, SpanKind::Client)
}

fn span_of_kind(name: impl Into<Cow<'static, str>>, kind: SpanKind) -> Span {
    Span(recorded(|current| {
        let builder = SpanBuilder::from_name(name).with_kind(kind);
        Current::start(&current.tracer, builder, &current.context)
    }))
}

/// Notes an event in the current span.
pub fn event(name: &'static str) {
    recorded(|current| current.context.span().add_event(name, Vec::new()));
}

/// Whether the running future is in a span that is recorded: whether it is worth to make texts for one.
pub fn is_recorded() -> bool {
    recorded(|_| ()).is_some()
}

/// Hands the headers that tell another process of the current span to `set`: `traceparent`, and `tracestate` where
/// there is one. Calls it for no span, too, that is not recorded, as the other process may want to know that.
pub fn inject(mut set: impl FnMut(&'static str, String)) {
    CURRENT.with_borrow(|current| {
        let Some(current) = current else { return };
        let span = current.context.span();
        let span = span.span_context();
        if !span.is_valid() {
            return;
        }
        let flags = span.trace_flags() & TraceFlags::SAMPLED;
        set("traceparent", format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), flags.to_u8()));
        let state = span.trace_state().header();
        if !state.is_empty() {
            set("tracestate", state);
        }
    });
}

/// One part of a trace; nothing where none is recorded. It ends when it is dropped.
#[must_use]
pub struct Span(Option<Current>);

impl fmt::Debug for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Span").field(&self.is_recorded()).finish()
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(current) = &self.0 {
            current.context.span().end();
        }
    }
}

impl Span {
    /// One of no trace.
    pub const NONE: Span = Span(None);

    /// Whether it is recorded: whether attributes are worth to be made.
    pub fn is_recorded(&self) -> bool {
        self.0.as_ref().is_some_and(|current| current.recorded)
    }

    fn recorded(&self, tell: impl FnOnce(&Current)) {
        if let Some(current) = self.0.as_ref().filter(|current| current.recorded) {
            tell(current);
        }
    }

    /// Notes a text.
    pub fn text(&self, key: &'static str, value: &str) -> &Self {
        self.recorded(|current| current.context.span().set_attribute(KeyValue::new(key, value.to_owned())));
        self
    }

    /// Notes a number; the largest that there is in place of larger ones.
    pub fn number(&self, key: &'static str, value: u64) -> &Self {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.recorded(|current| current.context.span().set_attribute(KeyValue::new(key, value)));
        self
    }

    /// Notes that something happened.
    pub fn event(&self, name: &'static str) -> &Self {
        self.recorded(|current| current.context.span().add_event(name, Vec::new()));
        self
    }

    /// Notes that the work failed.
    pub fn failed(&self, why: String) -> &Self {
        self.recorded(|current| current.context.span().set_status(Status::error(why)));
        self
    }

    /// `future` in this span: what it does becomes a part of it. The span itself ends with this value.
    pub fn hold<F>(&self, future: F) -> InSpan<F> {
        InSpan { current: self.0.clone(), inner: future }
    }

    /// What `work` does in this span.
    pub fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = self.0.as_ref().map(|current| Entered::new(current.clone()));
        work()
    }
}

/// `future` in the span that is current now: for work that goes on in another task.
pub fn carry<F>(future: F) -> InSpan<F> {
    InSpan { current: CURRENT.with_borrow(Clone::clone), inner: future }
}

/// Puts the span back that was current before.
struct Entered(Option<Current>);

impl Entered {
    fn new(current: Current) -> Self {
        Entered(CURRENT.replace(Some(current)))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

pin_project! {
    /// A future in a span.
    pub struct InSpan<F> {
        current: Option<Current>,
        #[pin]
        inner: F,
    }
}

impl<F: Future> Future for InSpan<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.current.clone().map(Entered::new);
        this.inner.poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_read_as_w3c_says() {
        let check = |header: &str, sampled: Option<bool>| {
            let read = Remote::parse(header, Some("a=b"));
            assert_eq!(read.as_ref().map(|remote| remote.0.is_sampled()), sampled, "{header}");
        };
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        check(&format!("00-{trace}-{span}-01"), Some(true));
        check(&format!("00-{trace}-{span}-00"), Some(false));
        check(&format!("00-{trace}-{span}-fe"), Some(false));
        check(&format!("01-{trace}-{span}-01-more"), Some(true));
        check(&format!("00-{trace}-{span}-01-more"), None);
        check(&format!("ff-{trace}-{span}-01"), None);
        check(&format!("00-{}-{span}-01", trace.to_uppercase()), None);
        check(&format!("00-{}-{span}-01", "0".repeat(32)), None);
        check(&format!("00-{trace}-{}-01", "0".repeat(16)), None);
        check("", None);
        check("00-", None);
    }

    #[test]
    fn there_is_no_span_outside_of_a_trace() {
        let none = span("alone");
        assert!(!none.is_recorded() && !is_recorded());
        inject(|key, _| panic!("{key}"));
        none.within(|| assert!(!is_recorded()));
    }
}
