//! What a device is: its power figures and how large a model it can hold.

/// Power and capacity of a device. The defaults are those of a small Wi-Fi camera on a Cortex-A class board.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// Extra power while the model runs here, in milliwatts. Default 1200.
    pub compute_milliwatts: f32,
    /// Extra power while the radio sends, in milliwatts. Default 800.
    pub transmit_milliwatts: f32,
    /// Extra power while the device waits for an answer with its radio on, in milliwatts. Default 250.
    pub idle_milliwatts: f32,
    /// Energy to wake the radio for one exchange, in microjoules. Default 3000.
    pub radio_wake_microjoules: f32,
    /// Uplink assumed until the first upload was measured, in kbit/s. Default 20000.
    pub uplink_kilobits_per_second: f32,
    /// Largest model file that the device can hold, in bytes. Default: no bound.
    pub model_bytes_max: u64,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            compute_milliwatts: 1_200.0,
            transmit_milliwatts: 800.0,
            idle_milliwatts: 250.0,
            radio_wake_microjoules: 3_000.0,
            uplink_kilobits_per_second: 20_000.0,
            model_bytes_max: u64::MAX,
        }
    }
}

impl Profile {
    /// Assumed time to send one KiB, in microseconds.
    #[must_use]
    pub fn kibibyte_us(&self) -> f32 {
        8_192.0 * 1_000.0 / self.uplink_kilobits_per_second.max(1.0)
    }
}
