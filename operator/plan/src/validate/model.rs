//! The model: names, digest and size are well formed, and the class allows where it comes from.

use crds::{
    InferenceOffload, OffloadClass,
    class::{DigestRule, SourceKind},
    offload::{HttpsSource, ImageSource},
};
use wire::Digest;

use super::{class::name_of, violation};
use crate::{
    Reason, Violation, quantity,
    valid::{Source, ValidModel},
};

/// The model that the class allows, or everything that is wrong with it.
pub fn check(offload: &InferenceOffload, class: &OffloadClass) -> Result<ValidModel, Vec<Violation>> {
    let model = &offload.spec.model;
    let mut bad = Vec::new();
    let named = keep(&mut bad, name(offload));
    let version = keep(&mut bad, version(&model.version));
    let format = keep(&mut bad, format(&model.format, class));
    let source = keep(&mut bad, source(offload, class));
    let digest = keep(&mut bad, digest(offload, class));
    let size_bytes = keep(&mut bad, size(offload));
    match (named, version, format, source, digest, size_bytes) {
        (Some(name), Some(version), Some(format), Some(source), Some(digest), Some(size_bytes)) => {
            Ok(ValidModel { name, version, format, source, digest, size_bytes, labels: model.labels.clone() })
        }
        _ => Err(bad),
    }
}

/// The value, or the violation put aside.
fn keep<T>(bad: &mut Vec<Violation>, checked: Result<T, Violation>) -> Option<T> {
    checked.map_err(|violation| bad.push(violation)).ok()
}

fn name(offload: &InferenceOffload) -> Result<String, Violation> {
    let own = offload.metadata.name.as_ref();
    let name = offload.spec.model.name.as_ref().or(own).cloned().unwrap_or_default();
    if wire::name::is_model(&name) {
        return Ok(name);
    }
    let message = format!(
        "spec.model.name: {name:?} is not a model name; use 1 to 63 lower-case letters, digits, - _ and single dots, \
         beginning and ending with a letter or a digit"
    );
    Err(violation(Reason::InvalidSpec, message))
}

fn version(version: &str) -> Result<String, Violation> {
    if wire::name::is_version(version) {
        return Ok(version.into());
    }
    let message = format!(
        "spec.model.version: {version:?} is not a version; use a positive number, for instance \"1\""
    );
    Err(violation(Reason::InvalidSpec, message))
}

fn format(format: &str, class: &OffloadClass) -> Result<String, Violation> {
    let formats = &class.spec.runtime.model_formats;
    if formats.iter().any(|one| one == format) {
        return Ok(format.into());
    }
    let message = format!(
        "spec.model.format: the runtime of OffloadClass {} does not load {format}; use one of: {}",
        name_of(class),
        formats.join(", ")
    );
    Err(violation(Reason::ModelSourceUnsupported, message))
}

fn source(offload: &InferenceOffload, class: &OffloadClass) -> Result<Source, Violation> {
    let source = &offload.spec.model.source;
    match (&source.image, &source.https) {
        (Some(image), None) => image_source(image, class),
        (None, Some(https)) => https_source(https, class),
        _ => Err(violation(Reason::InvalidSpec, "spec.model.source: set exactly one of image and https")),
    }
}

fn image_source(image: &ImageSource, class: &OffloadClass) -> Result<Source, Violation> {
    kind(SourceKind::Image, "image", class)?;
    let prefixes = &class.spec.models.allowed_image_prefixes;
    if prefixes.iter().any(|prefix| image.reference.starts_with(prefix.as_str())) {
        return Ok(Source::Image { reference: image.reference.clone(), path: image.path.clone() });
    }
    let message = format!(
        "spec.model.source.image.reference: {} is under none of the image prefixes of OffloadClass {}; use one of: {}",
        image.reference,
        name_of(class),
        prefixes.join(", ")
    );
    Err(violation(Reason::ModelSourceNotAllowed, message))
}

fn https_source(https: &HttpsSource, class: &OffloadClass) -> Result<Source, Violation> {
    kind(SourceKind::Https, "https", class)?;
    let hosts = &class.spec.models.allowed_hosts;
    let host = authority(&https.url);
    if host.is_some_and(|host| hosts.iter().any(|one| one == host)) {
        return Ok(Source::Https { url: https.url.clone() });
    }
    let message = format!(
        "spec.model.source.https.url: host {} is none of the hosts of OffloadClass {} (its spec.models.allowedHosts, ports \
         included); use one of: {}",
        host.unwrap_or(&https.url),
        name_of(class),
        hosts.join(", ")
    );
    Err(violation(Reason::ModelSourceNotAllowed, message))
}

/// Host and port of an https URL. The whole text up to the path must equal an allowed host, so user names fall out.
pub fn authority(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://")?;
    rest.split(['/', '?', '#']).next()
}

fn kind(kind: SourceKind, member: &str, class: &OffloadClass) -> Result<(), Violation> {
    let allowed = &class.spec.models.allowed_sources;
    if allowed.contains(&kind) {
        return Ok(());
    }
    let words: Vec<String> = allowed.iter().map(|one| format!("{one:?}").to_lowercase()).collect();
    let message = format!(
        "spec.model.source.{member}: OffloadClass {} does not take this kind of source; use one of: {}",
        name_of(class),
        words.join(", ")
    );
    Err(violation(Reason::ModelSourceNotAllowed, message))
}

fn digest(offload: &InferenceOffload, class: &OffloadClass) -> Result<Option<Digest>, Violation> {
    match (&offload.spec.model.digest, class.spec.models.digest) {
        (Some(text), _) => text.parse().map(Some).map_err(|error| {
            violation(Reason::InvalidSpec, format!("spec.model.digest: {error}, as sha256sum prints them"))
        }),
        (None, _) if offload.spec.model.source.https.is_some() => {
            let message = "spec.model.digest: an https source needs the SHA-256 of the file, since an interrupted \
                           download is resumed; set it to sha256: and what sha256sum prints";
            Err(violation(Reason::InvalidSpec, message))
        }
        (None, DigestRule::Optional) => Ok(None),
        (None, DigestRule::Required) => {
            let message = format!(
                "spec.model.digest: OffloadClass {} requires the SHA-256 of the model file; set it to sha256: and what \
                 sha256sum prints",
                name_of(class)
            );
            Err(violation(Reason::ModelSourceNotAllowed, message))
        }
    }
}

fn size(offload: &InferenceOffload) -> Result<Option<u64>, Violation> {
    let Some(size) = &offload.spec.model.size else { return Ok(None) };
    match quantity::bytes(&size.0) {
        Some(bytes) if bytes > 0 => Ok(Some(bytes)),
        _ => {
            let message =
                format!("spec.model.size: {:?} is not a size above zero; use for instance 8Mi", size.0);
            Err(violation(Reason::InvalidSpec, message))
        }
    }
}
