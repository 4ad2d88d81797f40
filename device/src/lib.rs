//! Runs a model on the device or at a nearby edge node, whichever is right, and always answers by the deadline.
//!
//! [`core`] decides: events and the time enter, effects leave; it never waits. With the feature `http`, [`Device`]
//! performs the effects: it learns policy and endpoints from any edge node, keeps connections, probes, and runs the
//! model here through a [`LocalModel`] (feature `tract`: ONNX files).
//!
//! ```no_run
//! use std::time::Duration;
//! use longshore_device::{Device, Input, TlsFiles};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let device = Device::builder("person-detect")
//!     .edge("https://192.0.2.11:30080".parse()?)
//!     .tls(TlsFiles { authorities: "site-ca.crt".into(), identity: None, token: None })
//!     .models("models")
//!     .build()
//!     .await?;
//! device.set_battery_percent(Some(18.0));
//! let picture = std::fs::read("frame.jpg")?;
//! let answer = device.infer(Input::Picture(picture.into()), Duration::from_millis(200)).await;
//! println!("{} {:?} {:?}", answer.ending.word(), answer.label, answer.confidence);
//! # Ok(())
//! # }
//! ```

pub mod core;

#[cfg(feature = "http")]
mod answer;
#[cfg(feature = "http")]
mod builder;
#[cfg(feature = "http")]
mod bundle_file;
#[cfg(feature = "http")]
mod device;
#[cfg(feature = "http")]
mod directory;
#[cfg(all(test, feature = "http"))]
mod directory_tests;
#[cfg(feature = "http")]
mod discovery;
#[cfg(feature = "http")]
mod guide;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
mod input;
#[cfg(feature = "http")]
mod learner;
#[cfg(feature = "http")]
mod local;
#[cfg(feature = "tract")]
mod onnx;
#[cfg(feature = "http")]
mod prober;
#[cfg(feature = "http")]
mod random;
#[cfg(feature = "http")]
mod run;
#[cfg(feature = "http")]
mod state;

#[cfg(feature = "tract")]
pub use crate::onnx::{OnnxError, OnnxModel};
#[cfg(feature = "http")]
pub use crate::{
    answer::Answer,
    builder::{BuildError, Builder},
    device::Device,
    discovery::{InvalidSrvName, SrvName},
    http::tls::TlsFiles,
    http::url::{EdgeUrl, InvalidUrl},
    input::Input,
    local::{LocalModel, Metadata},
};
#[cfg(feature = "http")]
pub use engine::{Datatype, Tensor, TensorSpec, picture::Normalization};
