//! The way of a request through this process, a room for each layer. In: requests of a connection ([`crate::listen`]). Out:
//! their answers, and one outcome each. [`route`] asks what is asked of every request, [`infer`] has the order of the layers
//! that an inference passes; each line there says why it stands where it stands.

pub mod answer;
pub mod ending;
pub mod forward;
pub mod headers;
pub mod http1;
pub mod incoming;
pub mod infer;
pub mod own;
pub mod pipe;
pub mod ready_io;
pub mod relay;
pub mod resolve;
pub mod respond;
pub mod route;
pub mod scratch;
pub mod upload;
pub mod upstream;
