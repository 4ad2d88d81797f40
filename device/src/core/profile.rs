//! What a device is: its power figures, its radio, and how large a model it can hold.

use std::str::FromStr;

/// Power and capacity of a device. The defaults are those of a small Wi-Fi camera on a Cortex-A class board whose radio draws
/// the same at every rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// Extra power while the model runs here, in milliwatts. Default 1200.
    pub compute_milliwatts: f32,
    /// Extra power while the radio sends, in milliwatts. Default 800.
    pub transmit_milliwatts: f32,
    /// And this much for each Mbit/s that it sends at, up to [`RATE_MAX_MEGABITS`], in milliwatts. Default 0.
    pub transmit_milliwatts_per_megabit: f32,
    /// Extra power while the device waits for an answer with its radio on, in milliwatts. Default 250.
    pub idle_milliwatts: f32,
    /// Energy to wake the radio, in microjoules. Default 3000.
    pub radio_wake_microjoules: f32,
    /// How long the radio stays awake after an exchange, in microseconds. Default 0.
    pub tail_us: f32,
    /// Extra power while it does, in milliwatts. Default 0.
    pub tail_milliwatts: f32,
    /// Uplink assumed until the first upload was measured, in kbit/s. Default 20000.
    pub uplink_kilobits_per_second: f32,
    /// Largest model file that the device can hold, in bytes. Default: no bound.
    pub model_bytes_max: u64,
}

/// The published power models were fitted at rates of a few Mbit/s; above this one the power is taken to rise no more.
pub const RATE_MAX_MEGABITS: f32 = 10.0;

impl Default for Profile {
    fn default() -> Self {
        Self {
            compute_milliwatts: 1_200.0,
            transmit_milliwatts: 800.0,
            transmit_milliwatts_per_megabit: 0.0,
            idle_milliwatts: 250.0,
            radio_wake_microjoules: 3_000.0,
            tail_us: 0.0,
            tail_milliwatts: 0.0,
            uplink_kilobits_per_second: 20_000.0,
            model_bytes_max: u64::MAX,
        }
    }
}

/// A kind of device. Its power while computing is an order of magnitude, not a measurement of any product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceClass {
    /// A vehicle's computer.
    Vehicle,
    /// Glasses that draw into what their wearer sees.
    ArGlasses,
    /// A sensor on a machine.
    FactorySensor,
    /// A watch or a patch.
    Wearable,
    /// A camera.
    Camera,
}

impl DeviceClass {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Vehicle, Self::ArGlasses, Self::FactorySensor, Self::Wearable, Self::Camera];

    /// The public word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Vehicle => "vehicle",
            Self::ArGlasses => "ar-glasses",
            Self::FactorySensor => "factory-sensor",
            Self::Wearable => "wearable",
            Self::Camera => "camera",
        }
    }

    const fn compute_milliwatts(self) -> f32 {
        match self {
            Self::Vehicle => 10_000.0,
            Self::ArGlasses => 2_000.0,
            Self::FactorySensor => 100.0,
            Self::Wearable => 300.0,
            Self::Camera => 1_200.0,
        }
    }
}

impl FromStr for DeviceClass {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let unknown = || UnknownWord(Self::ALL.map(Self::word).join(", "));
        Self::ALL.into_iter().find(|class| class.word() == text).ok_or_else(unknown)
    }
}

/// A kind of radio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// IEEE 802.11.
    Wifi,
    /// 4G.
    Lte,
    /// 5G.
    FiveG,
}

impl Link {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Wifi, Self::Lte, Self::FiveG];

    /// The public word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Wifi => "wifi",
            Self::Lte => "lte",
            Self::FiveG => "5g",
        }
    }
}

impl FromStr for Link {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let unknown = || UnknownWord(Self::ALL.map(Self::word).join(", "));
        Self::ALL.into_iter().find(|link| link.word() == text).ok_or_else(unknown)
    }
}

/// A text that is none of the words of a list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {0}")]
pub struct UnknownWord(String);

impl Profile {
    /// What is known of a device: where its class or its radio is not, a camera or Wi-Fi; the default where neither is.
    #[must_use]
    pub fn known(class: Option<DeviceClass>, link: Option<Link>) -> Self {
        match (class, link) {
            (None, None) => Self::default(),
            (class, link) => Self::of(class.unwrap_or(DeviceClass::Camera), link.unwrap_or(Link::Wifi)),
        }
    }

    /// A device of a class with a radio of a kind.
    ///
    /// Wi-Fi and LTE: the power model of Huang et al., "A Close Examination of Performance and Power Characteristics of 4G LTE
    /// Networks", MobiSys 2012; `docs/decision.md` says where each figure was read. 5G is scaled from LTE: twice the power
    /// when awake (Xu et al., "Understanding Operational 5G", SIGCOMM 2020, find two to three times) and a tenth of the slope
    /// for each Mbit/s.
    #[must_use]
    pub fn of(class: DeviceClass, link: Link) -> Self {
        // beta, alpha_u, tail in ms, tail power, promotion in ms times its power, typical uplink.
        let (base, slope, tail_ms, tail, wake, uplink) = match link {
            Link::Wifi => (132.86, 283.17, 250.0, 132.86, 0.0, 20_000.0),
            Link::Lte => (1_288.04, 438.39, 11_576.0, 1_060.0, 260.0 * 1_210.0, 6_000.0),
            Link::FiveG => (2_576.08, 43.84, 11_576.0, 2_120.0, 260.0 * 2_420.0, 50_000.0),
        };
        Self {
            compute_milliwatts: class.compute_milliwatts(),
            transmit_milliwatts: base,
            transmit_milliwatts_per_megabit: slope,
            idle_milliwatts: tail,
            radio_wake_microjoules: wake,
            tail_us: tail_ms * 1_000.0,
            tail_milliwatts: tail,
            uplink_kilobits_per_second: uplink,
            model_bytes_max: u64::MAX,
        }
    }

    /// Assumed time to send one KiB, in microseconds.
    #[must_use]
    pub fn kibibyte_us(&self) -> f32 {
        8_192.0 * 1_000.0 / self.uplink_kilobits_per_second.max(1.0)
    }

    /// What an exchange costs in which `bytes` are sent for `transmit_us` of `total_us`, after the radio has been idle for
    /// `idle_us`, in nanojoules: milliwatts times microseconds.
    #[must_use]
    pub fn exchange_nanojoules(&self, bytes: u32, transmit_us: f32, total_us: f32, idle_us: f32) -> f32 {
        let wake = if self.tail_us < idle_us { self.radio_wake_microjoules * 1_000.0 } else { 0.0 };
        // The tail behind this exchange, less what remained of the one before.
        let tail = self.tail_milliwatts * self.tail_us.min(idle_us);
        // A bit in a microsecond is a Mbit/s.
        let megabits_us = (bytes as f32 * 8.0).min(RATE_MAX_MEGABITS * transmit_us);
        wake + tail
            + self.transmit_milliwatts * transmit_us
            + self.transmit_milliwatts_per_megabit * megabits_us
            + self.idle_milliwatts * (total_us - transmit_us).max(0.0)
    }
}
