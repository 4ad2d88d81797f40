//! The handle of a device, with the threads that it works on.

use std::ffi::{CStr, c_char};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::buffer;
use crate::options::{self, Options};
use crate::status::{Failure, Status, Words, call};

/// How long closing waits for a run of the model or a name look-up that cannot be interrupted.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// Threads for what blocks: decoding, the model (one run at a time), name look-ups. A thread lives only while it is needed;
/// a few look-ups that hang must leave some for the answers.
const BLOCKING_THREADS_MAX: usize = 16;

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => panic!("a version holds no NUL"),
};

/// One model, used from one device. All threads may use it at the same time; only closing needs that no other call with it
/// runs or comes. A process that forks must not use it in the child.
pub struct Device {
    pub(crate) device: longshore_device::Device,
    pub(crate) runtime: Runtime,
}

/// What requests cost so far, as the device's profile counts it, and how often work moved.
#[repr(C)]
pub struct Account {
    /// Runs on the device, in joules.
    pub device_joules: f64,
    /// Exchanges with the edge, in joules.
    pub edge_joules: f64,
    /// What runs here would have cost that the edge made unnecessary, in joules.
    pub saved_joules: f64,
    /// Request bodies that were begun to be sent, in bytes.
    pub edge_bytes: u64,
    /// Request bodies that the device answered and sent nowhere, in bytes.
    pub saved_bytes: u64,
    /// Moves of the work to the other place because it costs less.
    pub work_moves: u64,
    /// Requests that stayed because the other place was better by less than the policy's margin.
    pub held_by_margin: u64,
    /// Requests that stayed because work had moved too short a time ago.
    pub held_by_dwell: u64,
    /// Requests that stayed because work had moved too often.
    pub held_by_flap_limit: u64,
}

/// The version of the library, such as `0.1.0`.
#[unsafe(no_mangle)]
pub extern "C" fn longshore_version() -> *const c_char {
    VERSION.as_ptr()
}

/// Starts a device: loads the model and waits about a second at most for the edge's first answers. A silent edge is no error.
///
/// `*device` is the handle, NULL unless the status is OK. `error` gets a sentence that names what is wrong and the fix, cut off
/// at `error_capacity` bytes, or becomes empty; it may be NULL.
///
/// # Safety
/// Every pointer is NULL or leads to what it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn longshore_device_open(
    options: *const Options,
    device: *mut *mut Device,
    error: *mut c_char,
    error_capacity: usize,
) -> Status {
    let words = Words { buffer: error, capacity: error_capacity };
    // SAFETY: the caller's promise.
    unsafe {
        call(words, || {
            let place = buffer::get_mut(device, "device")?;
            *place = std::ptr::null_mut();
            let opened = open(&options::read(options)?)?;
            *place = Box::into_raw(Box::new(opened));
            Ok(())
        })
    }
}

fn open(given: &options::Given<'_>) -> Result<Device, Failure> {
    let builder = given.builder()?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_name("longshore")
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(format!("failed to start threads: {error}")))?;
    let device = runtime.block_on(builder.build()).map_err(|error| Failure::configuration(chain(&error)))?;
    Ok(Device { device, runtime })
}

/// An error with its causes, as a sentence.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Ends a device. NULL is none. Waits at most a second for a run of the model that cannot be interrupted.
///
/// # Safety
/// `device` is NULL or a handle that was not closed, and no other call with it runs or comes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn longshore_device_close(device: *mut Device) {
    if device.is_null() {
        return;
    }
    // SAFETY: the caller's promise; the handle came from a box.
    let Device { device, runtime } = *unsafe { Box::from_raw(device) };
    drop(device);
    runtime.shutdown_timeout(CLOSE_MAX);
}

/// Tells the battery level, 0 to 100 percent, or a negative number on mains power, which is how a device starts.
///
/// # Safety
/// `device` is NULL or a handle that was not closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn longshore_device_set_battery(device: *const Device, percent: f32) -> Status {
    // SAFETY: the caller's promise.
    unsafe {
        call(Words::NONE, || {
            let device = buffer::get(device, "device")?;
            if percent.is_nan() || 100.0 < percent {
                return Err(Failure::invalid("percent must be 0 to 100, or negative on mains power"));
            }
            device.device.set_battery_percent((0.0 <= percent).then_some(percent));
            Ok(())
        })
    }
}

/// Tells the site where the device is by now, by the name that its nodes have for it.
///
/// # Safety
/// `device` is NULL or a handle that was not closed; `zone` is NULL or text that ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn longshore_device_set_zone(device: *const Device, zone: *const c_char) -> Status {
    // SAFETY: the caller's promise.
    unsafe {
        call(Words::NONE, || {
            let device = buffer::get(device, "device")?;
            device.device.set_zone(buffer::some_text(zone, "zone")?);
            Ok(())
        })
    }
}

/// Tells what requests cost so far, and how often work moved.
///
/// # Safety
/// `device` is NULL or a handle that was not closed; `account` is NULL or a place for an account.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn longshore_device_account(device: *const Device, account: *mut Account) -> Status {
    // SAFETY: the caller's promise.
    unsafe {
        call(Words::NONE, || {
            let counted = buffer::get(device, "device")?.device.account();
            *buffer::get_mut(account, "account")? = Account {
                device_joules: counted.device_microjoules / 1e6,
                edge_joules: counted.edge_microjoules / 1e6,
                saved_joules: counted.saved_microjoules / 1e6,
                edge_bytes: counted.edge_bytes,
                saved_bytes: counted.saved_bytes,
                work_moves: counted.moves.made,
                held_by_margin: counted.moves.held_by_margin,
                held_by_dwell: counted.moves.held_by_dwell,
                held_by_flap_limit: counted.moves.held_by_flap_limit,
            };
            Ok(())
        })
    }
}
