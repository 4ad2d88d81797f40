//! Pictures in, labels out, through the example model; and pictures that are none.
#![allow(clippy::unwrap_used)] // In helpers too: a test that fails shows where.

mod support;

use engine::classify::classify;
use engine::picture::{ENCODED_BYTES_MAX, Normalization, PictureError, to_tensor};
use engine::{Datatype, TensorSpec};
use support::{frame, person};

fn spec(datatype: Datatype, shape: &[i64]) -> TensorSpec {
    TensorSpec { name: "pixels".to_owned(), datatype, shape: shape.to_vec() }
}

#[test]
fn the_example_model_finds_the_person_and_nobody_else() {
    let model = person();
    let labels = ["background".to_owned(), "person".to_owned()];
    let classified = |name: &str| {
        let input = to_tensor(&frame(name), &model.inputs()[0], Normalization::default()).unwrap();
        classify(&model.run(&[input]).unwrap(), &labels, 1.0).unwrap()
    };
    let astronaut = classified("astronaut.jpg");
    assert_eq!(astronaut.label, "person");
    assert!((0.90..0.94).contains(&astronaut.confidence), "{astronaut:?}");
    for name in ["coffee.jpg", "chelsea.jpg", "page.png"] {
        assert_eq!(classified(name).label, "background", "{name}");
    }
}

#[test]
fn layout_and_datatype_follow_the_input() {
    let picture = frame("astronaut.jpg");
    let tensor =
        |datatype, shape: &[i64]| to_tensor(&picture, &spec(datatype, shape), Normalization::None).unwrap();
    let last = tensor(Datatype::Uint8, &[-1, 8, 4, 3]);
    assert_eq!(last.shape, [1, 8, 4, 3]);
    assert_eq!(last.data.len(), 8 * 4 * 3);
    let first = tensor(Datatype::Uint8, &[3, 8, 4]);
    assert_eq!(first.shape, [3, 8, 4]);
    for (pixel, channel) in [(0, 0), (13, 1), (31, 2)] {
        assert_eq!(last.data[pixel * 3 + channel], first.data[channel * 32 + pixel]);
    }
    let floats = tensor(Datatype::Fp32, &[1, 8, 4, 3]).to_f32().unwrap();
    assert!(floats.iter().zip(last.data.iter()).all(|(float, byte)| *float == f32::from(*byte)));
}

#[test]
fn normalization_maps_black_and_white_to_the_ends() {
    let picture = frame("page.png");
    let range = |normalization| {
        let tensor = to_tensor(&picture, &spec(Datatype::Fp32, &[1, 64, 64, 3]), normalization).unwrap();
        let values = tensor.to_f32().unwrap();
        (values.iter().copied().fold(f32::MAX, f32::min), values.iter().copied().fold(f32::MIN, f32::max))
    };
    let (low, high) = range(Normalization::None);
    assert_eq!(range(Normalization::ZeroToOne), (low / 255.0, high / 255.0));
    assert_eq!(range(Normalization::MinusOneToOne), (low / 127.5 - 1.0, high / 127.5 - 1.0));
}

#[test]
fn an_input_that_takes_no_picture_says_why() {
    let refused = |datatype, shape: &[i64]| {
        to_tensor(&frame("page.png"), &spec(datatype, shape), Normalization::None).unwrap_err().to_string()
    };
    assert_eq!(
        refused(Datatype::Int64, &[1, 8, 8, 3]),
        "model input \"pixels\" (INT64 [1,8,8,3]) takes no picture: the datatype must be FP32 or UINT8"
    );
    assert!(refused(Datatype::Fp32, &[1, 576]).contains("the shape must be"));
    assert!(refused(Datatype::Fp32, &[1, 8, 8, 4]).contains("there must be 3 channels"));
    assert!(refused(Datatype::Fp32, &[1, -1, 8, 3]).contains("height and width must be fixed"));
}

#[test]
fn bytes_that_are_no_picture_are_refused() {
    let input = spec(Datatype::Fp32, &[1, 8, 8, 3]);
    let refused = |bytes: &[u8]| to_tensor(bytes, &input, Normalization::None).unwrap_err();
    assert!(matches!(refused(b""), PictureError::UnknownFormat));
    assert!(matches!(refused(b"GIF89a with more behind it"), PictureError::UnknownFormat));
    assert!(matches!(refused(&vec![0; ENCODED_BYTES_MAX + 1]), PictureError::TooLong { .. }));
    let whole = frame("page.png");
    assert!(matches!(refused(&whole[..whole.len() / 2]), PictureError::Undecodable { .. }));
    // The header says 100,000 pixels a side.
    let mut vast = whole;
    vast[16..24].copy_from_slice(&[0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0]);
    assert!(matches!(refused(&vast), PictureError::Undecodable { .. }));
}
