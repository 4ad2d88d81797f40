//! Spans of inferences, for whoever follows a request through many programs. In: the moments of a request. Out: a span for
//! all of it and one each for admitting, waiting and serving, sent to a collector. Without the feature `otlp` there is
//! none of it, and nothing of it is compiled.

#[cfg(not(feature = "otlp"))]
mod absent;
#[cfg(feature = "otlp")]
mod otlp;
#[cfg(feature = "otlp")]
mod parent;

#[cfg(not(feature = "otlp"))]
pub use absent::{Trace, Traces, start};
#[cfg(feature = "otlp")]
pub use otlp::{Trace, Traces, start};
