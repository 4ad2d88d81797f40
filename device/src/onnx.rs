//! A [`LocalModel`](crate::LocalModel) from an ONNX file in the layout `DIR/<name>/<version>/model.onnx`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use engine::Tensor;
use sha2::{Digest as _, Sha256};
use wire::Digest;

use crate::{LocalModel, Metadata};

/// An ONNX model, loaded.
pub struct OnnxModel {
    model: engine::Model,
    metadata: Metadata,
    digest: Digest,
}

/// Why a model on the device cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// The file cannot be read.
    #[error("failed to read model file {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is no model that runs here.
    #[error("failed to load model file {path}")]
    Load {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: engine::LoadError,
    },
}

/// The file of the highest version of a model; `None` when there is none.
pub(crate) fn find(models: &Path, name: &str) -> Option<PathBuf> {
    let versions = fs::read_dir(models.join(name)).ok()?;
    let numbered = versions.filter_map(|entry| {
        let version: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let file = models.join(name).join(version.to_string()).join("model.onnx");
        file.is_file().then_some((version, file))
    });
    numbered.max_by_key(|(version, _)| *version).map(|(_, file)| file)
}

impl OnnxModel {
    /// Loads a file and computes its digest.
    ///
    /// # Errors
    /// When the file cannot be read or is no model that runs here.
    pub fn load(path: &Path) -> Result<Self, OnnxError> {
        let read = |source| OnnxError::Read { path: path.into(), source };
        let mut hasher = Sha256::new();
        io::copy(&mut fs::File::open(path).map_err(read)?, &mut hasher).map_err(read)?;
        let digest = Digest::from_sha256(&hasher.finalize().into());
        let model =
            engine::Model::load(path).map_err(|source| OnnxError::Load { path: path.into(), source })?;
        let metadata = Metadata { inputs: model.inputs().to_vec(), outputs: model.outputs().to_vec() };
        Ok(Self { model, metadata, digest })
    }
}

impl LocalModel for OnnxModel {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn digest(&self) -> &str {
        self.digest.as_str()
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
        self.model.run(inputs).map_err(|error| error.to_string())
    }
}
