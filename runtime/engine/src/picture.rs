//! From an encoded picture to the tensor that a model takes.
//!
//! Enters: JPEG or PNG bytes and the model's own description of its input. Leaves: one tensor of that description. The
//! layout is read off the shape; nothing here knows a model. The whole picture is used: it is stretched to the input's
//! height and width, bilinear, averaging over the source pixels where it shrinks.

use std::io::Cursor;

use bytes::Bytes;
use image::imageops::FilterType;
use image::{ImageFormat, ImageReader, Limits, RgbImage};

use crate::{Datatype, Tensor, TensorSpec, shape_text};

/// Largest encoded picture: a 12-megapixel JPEG of high quality.
pub const ENCODED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Longest side. A small file can claim any size.
pub const SIDE_PIXELS_MAX: u32 = 8192;

/// Memory for the decoded pixels: 32 megapixels of three bytes.
const DECODER_BYTES_MAX: u64 = 96 * 1024 * 1024;

/// How a channel of 0..255 becomes an element. UINT8 inputs take the channel as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Normalization {
    /// `x / 127.5 - 1`: what most vision models on small devices were trained with.
    #[default]
    MinusOneToOne,
    /// `x / 255`.
    ZeroToOne,
    /// `x`.
    None,
}

/// Why a picture became no tensor.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// Longer than the limit.
    #[error("the picture has {given} bytes: at most {ENCODED_BYTES_MAX} are taken")]
    TooLong {
        /// Its length.
        given: usize,
    },
    /// Neither JPEG nor PNG.
    #[error("the picture is neither JPEG nor PNG")]
    UnknownFormat,
    /// Cut off, damaged, or larger than the limits.
    #[error("the picture cannot be decoded (at most {SIDE_PIXELS_MAX} pixels a side): {reason}")]
    Undecodable {
        /// The decoder's own words.
        reason: String,
    },
    /// The model's input takes no picture.
    #[error("model input {name:?} ({datatype} {shape}) takes no picture: {reason}")]
    NotAPictureInput {
        /// The input.
        name: String,
        /// Its datatype.
        datatype: Datatype,
        /// Its shape.
        shape: String,
        /// What a picture needs.
        reason: &'static str,
    },
}

#[derive(Clone, Copy, PartialEq)]
enum Layout {
    ChannelsLast,
    ChannelsFirst,
}

struct Target {
    layout: Layout,
    height: u32,
    width: u32,
}

/// Decodes a picture and makes it the tensor that `input` describes.
pub fn to_tensor(
    encoded: &[u8],
    input: &TensorSpec,
    normalization: Normalization,
) -> Result<Tensor, PictureError> {
    let target = target(input)?;
    let picture = decode(encoded)?;
    let picture = image::imageops::resize(&picture, target.width, target.height, FilterType::Triangle);
    let shape = input.shape.iter().map(|extent| usize::try_from(*extent).unwrap_or(1)).collect();
    let data = elements(&picture, target.layout, input.datatype, normalization);
    Ok(Tensor { name: input.name.clone(), datatype: input.datatype, shape, data })
}

fn decode(encoded: &[u8]) -> Result<RgbImage, PictureError> {
    if encoded.len() > ENCODED_BYTES_MAX {
        return Err(PictureError::TooLong { given: encoded.len() });
    }
    let format = image::guess_format(encoded).map_err(|_| PictureError::UnknownFormat)?;
    if !matches!(format, ImageFormat::Jpeg | ImageFormat::Png) {
        return Err(PictureError::UnknownFormat);
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_PIXELS_MAX);
    limits.max_image_height = Some(SIDE_PIXELS_MAX);
    limits.max_alloc = Some(DECODER_BYTES_MAX);
    let mut reader = ImageReader::with_format(Cursor::new(encoded), format);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| PictureError::Undecodable { reason: error.to_string() })?;
    Ok(picture.into_rgb8())
}

fn target(input: &TensorSpec) -> Result<Target, PictureError> {
    let refuse = |reason| PictureError::NotAPictureInput {
        name: input.name.clone(),
        datatype: input.datatype,
        shape: shape_text(&input.shape),
        reason,
    };
    if !matches!(input.datatype, Datatype::Fp32 | Datatype::Uint8) {
        return Err(refuse("the datatype must be FP32 or UINT8"));
    }
    let plane = match input.shape.as_slice() {
        [1 | -1, plane @ ..] if plane.len() == 3 => plane,
        plane if plane.len() == 3 => plane,
        _ => return Err(refuse("the shape must be [1,H,W,3], [1,3,H,W], or the same without the leading 1")),
    };
    let (layout, height, width) = match *plane {
        [height, width, 3] => (Layout::ChannelsLast, height, width),
        [3, height, width] => (Layout::ChannelsFirst, height, width),
        _ => return Err(refuse("there must be 3 channels, first or last")),
    };
    let side = |extent: i64| u32::try_from(extent).ok().filter(|side| (1..=SIDE_PIXELS_MAX).contains(side));
    match (side(height), side(width)) {
        (Some(height), Some(width)) => Ok(Target { layout, height, width }),
        _ => Err(refuse("height and width must be fixed")),
    }
}

fn elements(picture: &RgbImage, layout: Layout, datatype: Datatype, normalization: Normalization) -> Bytes {
    let channels: Vec<u8> = match layout {
        Layout::ChannelsLast => picture.as_raw().clone(),
        Layout::ChannelsFirst => {
            (0..3).flat_map(|channel| picture.pixels().map(move |pixel| pixel.0[channel])).collect()
        }
    };
    if datatype == Datatype::Uint8 {
        return channels.into();
    }
    let scaled = channels.into_iter().map(|channel| normalized(channel, normalization));
    scaled.flat_map(f32::to_le_bytes).collect()
}

fn normalized(channel: u8, normalization: Normalization) -> f32 {
    let value = f32::from(channel);
    match normalization {
        Normalization::MinusOneToOne => value / 127.5 - 1.0,
        Normalization::ZeroToOne => value / 255.0,
        Normalization::None => value,
    }
}
