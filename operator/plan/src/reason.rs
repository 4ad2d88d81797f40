//! Why a condition is not true: a closed list, part of the API.

/// A condition's reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The class does not exist, or there is no default class.
    ClassNotFound,
    /// The class does not take this namespace, or the spec asks for more than it allows.
    ClassNotAllowed,
    /// The class does not take this source, host or image prefix, or requires a digest.
    ModelSourceNotAllowed,
    /// The cluster or the runtime cannot use this source or format.
    ModelSourceUnsupported,
    /// More replicas than accelerators.
    InsufficientAccelerators,
    /// The class names a RuntimeClass that does not exist.
    RuntimeClassNotFound,
    /// What the endpoint's certificate needs is not in the namespace.
    TlsSecretNotFound,
    /// An image could not be pulled.
    ImagePullFailed,
    /// The model file could not be fetched.
    ModelDownloadFailed,
    /// The model file is another one.
    DigestMismatch,
    /// The model server could not load the file.
    ModelLoadFailed,
    /// A container ran out of memory.
    OutOfMemory,
    /// The model server runs and does not speak the protocol.
    ProtocolMismatch,
    /// The node port is taken.
    PortConflict,
    /// Pods stand on nodes that are not ready.
    NodeNotReady,
    /// The spec says so.
    Suspended,
    /// A value of the spec is outside what the class or the protocol allows.
    InvalidSpec,
    /// Nothing is wrong and something is still to come.
    Pending,
    /// Nothing serves.
    Unavailable,
    /// As wished.
    Ok,
}

impl Reason {
    /// The word in conditions, events and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ClassNotFound => "ClassNotFound",
            Self::ClassNotAllowed => "ClassNotAllowed",
            Self::ModelSourceNotAllowed => "ModelSourceNotAllowed",
            Self::ModelSourceUnsupported => "ModelSourceUnsupported",
            Self::InsufficientAccelerators => "InsufficientAccelerators",
            Self::RuntimeClassNotFound => "RuntimeClassNotFound",
            Self::TlsSecretNotFound => "TlsSecretNotFound",
            Self::ImagePullFailed => "ImagePullFailed",
            Self::ModelDownloadFailed => "ModelDownloadFailed",
            Self::DigestMismatch => "DigestMismatch",
            Self::ModelLoadFailed => "ModelLoadFailed",
            Self::OutOfMemory => "OutOfMemory",
            Self::ProtocolMismatch => "ProtocolMismatch",
            Self::PortConflict => "PortConflict",
            Self::NodeNotReady => "NodeNotReady",
            Self::Suspended => "Suspended",
            Self::InvalidSpec => "InvalidSpec",
            Self::Pending => "Pending",
            Self::Unavailable => "Unavailable",
            Self::Ok => "AsExpected",
        }
    }
}

/// Why a spec is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Violation {
    /// The condition's reason.
    pub reason: Reason,
    /// Names the field and the fix.
    pub message: String,
}
