//! What a device is described by.

use std::ffi::c_char;
use std::{mem, ptr};

use longshore_device::core::profile::{DeviceClass, Link, Profile};
use longshore_device::{Builder, EdgeUrl, Normalization, SrvName, TlsFiles};

use crate::buffer;
use crate::status::Failure;

/// Most edge URLs; one is enough, it tells the others.
const EDGES_MAX: usize = 64;

/// Most labels: no classifier for small devices has more classes.
const LABELS_MAX: usize = 65_536;

/// Describes a device. Begin with zeros, `longshore_options options = { .size = sizeof options }`: a member that is zero has
/// its default. All text is UTF-8 and ends in NUL; nothing is kept of it after the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Options {
    /// `sizeof(longshore_options)`. Must be set.
    pub size: usize,
    /// Name of the model, 1 to 63 of a-z 0-9 - _ . Must be set.
    pub model: *const c_char,
    /// Edge nodes, `https://HOST:PORT` or `http://HOST:PORT`. One is enough: it tells the others.
    pub edges: *const *const c_char,
    /// How many they are, at most 64.
    pub edge_count: usize,
    /// A DNS SRV name that leads to edge nodes, `_longshores._tcp.DOMAIN` (https) or `_longshore._tcp.DOMAIN` (in the clear).
    pub edge_srv: *const c_char,
    /// The network interface on which to look for edge nodes by multicast DNS; empty text: where the system sends multicast.
    /// NULL: do not look.
    pub edge_mdns: *const c_char,
    /// Folder of models on the device, `DIR/NAME/VERSION/model.onnx`. Without the file everything runs at the edge.
    pub models: *const c_char,
    /// File that keeps the policy for times without a network.
    pub policy_file: *const c_char,
    /// Words for the indices of the model's probabilities. Default: those of the policy.
    pub labels: *const *const c_char,
    /// How many they are.
    pub label_count: usize,
    /// Certificates of the authorities that sign for `https://` nodes, PEM; needed for them. This file and the next three
    /// are read again when they change.
    pub ca_file: *const c_char,
    /// The device's certificate, then those that signed for it, PEM. Default: none is shown.
    pub certificate_file: *const c_char,
    /// Private key of the certificate, PEM.
    pub key_file: *const c_char,
    /// Bearer token that is sent to `https://` nodes and to no other. Default: none.
    pub token_file: *const c_char,
    /// The site where the device is, by the name that its nodes have for it. Default: unknown.
    pub zone: *const c_char,
    /// The kind of device, which says what energy costs: `vehicle`, `ar-glasses`, `factory-sensor`, `wearable` or `camera`. Default: a small camera.
    pub device_class: *const c_char,
    /// The kind of radio: `wifi`, `lte` or `5g`. Default: Wi-Fi.
    pub link: *const c_char,
    /// How a picture's channels of 0 to 255 become elements: `minus-one-to-one` (the default), `zero-to-one` or `raw`.
    pub channels: *const c_char,
    /// Largest model file that the device can hold, in bytes. 0: no bound.
    pub capacity_bytes: u64,
    /// Uplink assumed until the first upload was measured, in kbit/s. 0: what is usual for the link.
    pub uplink_kilobits_per_second: u32,
}

/// The same, checked for its form.
pub(crate) struct Given<'a> {
    model: &'a str,
    edges: Vec<&'a str>,
    edge_srv: Option<&'a str>,
    edge_mdns: Option<&'a str>,
    models: Option<&'a str>,
    policy_file: Option<&'a str>,
    labels: Vec<&'a str>,
    ca_file: Option<&'a str>,
    certificate_file: Option<&'a str>,
    key_file: Option<&'a str>,
    token_file: Option<&'a str>,
    zone: Option<&'a str>,
    device_class: Option<&'a str>,
    link: Option<&'a str>,
    channels: Option<&'a str>,
    capacity_bytes: u64,
    uplink_kilobits_per_second: u32,
}

/// # Safety
/// `options` is NULL or leads to `options->size` bytes of options, whose pointers are NULL or lead to what they say.
pub(crate) unsafe fn read<'a>(options: *const Options) -> Result<Given<'a>, Failure> {
    // SAFETY: the caller's promise.
    unsafe {
        let options = whole(options)?;
        Ok(Given {
            model: buffer::some_text(options.model, "options.model")?,
            edges: texts(options.edges, options.edge_count, EDGES_MAX, "options.edges")?,
            edge_srv: buffer::text(options.edge_srv, "options.edge_srv")?,
            edge_mdns: buffer::text(options.edge_mdns, "options.edge_mdns")?,
            models: buffer::text(options.models, "options.models")?,
            policy_file: buffer::text(options.policy_file, "options.policy_file")?,
            labels: texts(options.labels, options.label_count, LABELS_MAX, "options.labels")?,
            ca_file: buffer::text(options.ca_file, "options.ca_file")?,
            certificate_file: buffer::text(options.certificate_file, "options.certificate_file")?,
            key_file: buffer::text(options.key_file, "options.key_file")?,
            token_file: buffer::text(options.token_file, "options.token_file")?,
            zone: buffer::text(options.zone, "options.zone")?,
            device_class: buffer::text(options.device_class, "options.device_class")?,
            link: buffer::text(options.link, "options.link")?,
            channels: buffer::text(options.channels, "options.channels")?,
            capacity_bytes: options.capacity_bytes,
            uplink_kilobits_per_second: options.uplink_kilobits_per_second,
        })
    }
}

/// The options of a caller who may have been compiled with an earlier header: what that did not have is zero.
///
/// # Safety
/// As for [`read`].
unsafe fn whole(given: *const Options) -> Result<Options, Failure> {
    // SAFETY: the caller's promise; only the first member is looked at.
    let size = *unsafe { buffer::get(given.cast::<usize>(), "options") }?;
    let known = mem::size_of::<Options>();
    if size < mem::size_of::<usize>() || known < size {
        return Err(Failure::invalid(format!(
            "options.size is {size}: set it to sizeof(longshore_options), {known} in this version of the library"
        )));
    }
    let mut options = mem::MaybeUninit::<Options>::zeroed();
    // SAFETY: `size` bytes can be read and no more are written; every member may be zero.
    unsafe {
        ptr::copy_nonoverlapping(given.cast::<u8>(), options.as_mut_ptr().cast(), size);
        Ok(options.assume_init())
    }
}

/// # Safety
/// As for [`read`].
unsafe fn texts<'a>(
    pointers: *const *const c_char,
    count: usize,
    max: usize,
    name: &str,
) -> Result<Vec<&'a str>, Failure> {
    // SAFETY: the caller's promise.
    unsafe {
        let pointers = buffer::array(pointers, count, max, name)?;
        pointers.iter().map(|pointer| buffer::some_text(*pointer, name)).collect()
    }
}

impl Given<'_> {
    pub(crate) fn builder(&self) -> Result<Builder, Failure> {
        let class = self.device_class.map(str::parse::<DeviceClass>).transpose();
        let class = class.map_err(|error| Failure::invalid(format!("options.device_class {error}")))?;
        let mut builder = longshore_device::Device::builder(self.model)
            .profile(self.profile(class)?)
            .normalization(self.normalization()?)
            .zone(self.zone.unwrap_or_default())
            .class(class.map_or("", DeviceClass::word));
        for edge in &self.edges {
            let url = edge.parse::<EdgeUrl>();
            builder = builder.edge(url.map_err(|error| Failure::invalid(format!("options.edges: {error}")))?);
        }
        if let Some(name) = self.edge_srv {
            let name = name.parse::<SrvName>();
            builder = builder
                .edge_srv(name.map_err(|error| Failure::invalid(format!("options.edge_srv: {error}")))?);
        }
        if let Some(interface) = self.edge_mdns {
            builder = builder.edge_mdns(Some(interface).filter(|name| !name.is_empty()));
        }
        if let Some(files) = self.tls()? {
            builder = builder.tls(files);
        }
        if let Some(models) = self.models {
            builder = builder.models(models);
        }
        if let Some(file) = self.policy_file {
            builder = builder.policy_file(file);
        }
        if !self.labels.is_empty() {
            builder = builder.labels(self.labels.iter().map(|label| (*label).to_owned()).collect());
        }
        Ok(builder)
    }

    fn tls(&self) -> Result<Option<TlsFiles>, Failure> {
        if self.certificate_file.is_some() != self.key_file.is_some() {
            let text = "options.certificate_file and options.key_file: give both or neither";
            return Err(Failure::invalid(text));
        }
        let Some(authorities) = self.ca_file else {
            return match (self.certificate_file, self.token_file) {
                (None, None) => Ok(None),
                _ => Err(Failure::invalid("options.ca_file: give it with a certificate or a token")),
            };
        };
        let identity = self.certificate_file.zip(self.key_file);
        Ok(Some(TlsFiles {
            authorities: authorities.into(),
            identity: identity.map(|(certificate, key)| (certificate.into(), key.into())),
            token: self.token_file.map(Into::into),
        }))
    }

    fn profile(&self, class: Option<DeviceClass>) -> Result<Profile, Failure> {
        let link = self.link.map(str::parse::<Link>).transpose();
        let link = link.map_err(|error| Failure::invalid(format!("options.link {error}")))?;
        let mut profile = Profile::known(class, link);
        if self.capacity_bytes != 0 {
            profile.model_bytes_max = self.capacity_bytes;
        }
        if self.uplink_kilobits_per_second != 0 {
            profile.uplink_kilobits_per_second = self.uplink_kilobits_per_second as f32;
        }
        Ok(profile)
    }

    fn normalization(&self) -> Result<Normalization, Failure> {
        Ok(match self.channels {
            None | Some("minus-one-to-one") => Normalization::MinusOneToOne,
            Some("zero-to-one") => Normalization::ZeroToOne,
            Some("raw") => Normalization::None,
            Some(_) => {
                let text = "options.channels must be one of minus-one-to-one, zero-to-one, raw";
                return Err(Failure::invalid(text));
            }
        })
    }
}
