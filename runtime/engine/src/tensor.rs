//! A tensor as it crosses this crate's border, and what a model says about each of its own.

use bytes::Bytes;

use crate::Datatype;

/// A named tensor with its elements as bytes: little-endian, row-major, without padding.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Name of the model's input or output.
    pub name: String,
    /// Type of every element.
    pub datatype: Datatype,
    /// Extent of each dimension; empty for a scalar.
    pub shape: Vec<usize>,
    /// The elements.
    pub data: Bytes,
}

impl Tensor {
    /// A tensor of 32-bit floats. The caller keeps `values` as long as `shape` says; `Model::run` checks it.
    pub fn from_f32(name: &str, shape: &[usize], values: &[f32]) -> Self {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { name: name.to_owned(), datatype: Datatype::Fp32, shape: shape.to_vec(), data: data.into() }
    }

    /// The elements of an FP32 or FP64 tensor as 32-bit floats; `None` for any other datatype.
    pub fn to_f32(&self) -> Option<Vec<f32>> {
        match self.datatype {
            Datatype::Fp32 => {
                Some(self.data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
            }
            Datatype::Fp64 => {
                Some(self.data.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect())
            }
            _ => None,
        }
    }

    /// Bytes that datatype and shape ask for; `None` where the product is larger than memory can be.
    pub fn bytes_expected(&self) -> Option<usize> {
        let size = self.datatype.size();
        self.shape.iter().try_fold(size, |product, extent| product.checked_mul(*extent))
    }
}

/// What a model says about one of its inputs or outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Name in the model file.
    pub name: String,
    /// Type of every element.
    pub datatype: Datatype,
    /// Extent of each dimension, -1 where any extent will do.
    pub shape: Vec<i64>,
}

impl TensorSpec {
    /// True when a tensor of this shape is one that the model takes.
    pub fn fits(&self, shape: &[usize]) -> bool {
        shape.len() == self.shape.len()
            && self
                .shape
                .iter()
                .zip(shape)
                .all(|(want, got)| *want < 0 || usize::try_from(*want).is_ok_and(|want| want == *got))
    }
}

/// A shape for people: `[1,128,128,3]`.
pub fn shape_text<T: ToString>(shape: &[T]) -> String {
    let extents: Vec<String> = shape.iter().map(T::to_string).collect();
    format!("[{}]", extents.join(","))
}
