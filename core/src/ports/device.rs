//! What an engine computes on.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What an engine computes on. Written `cpu`, `cuda` (the first GPU) or `cuda:N`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Device {
    /// The CPU, one core for each call at a time.
    #[default]
    Cpu,
    /// An NVIDIA GPU, by its number from 0.
    Cuda(u16),
}

/// A name that no device has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no device '{0}'; use cpu, cuda or cuda:N, where N counts the GPUs from 0")]
pub struct UnknownDevice(String);

impl Device {
    /// Whether it is a GPU.
    pub fn is_gpu(self) -> bool {
        self != Self::Cpu
    }
}

impl FromStr for Device {
    type Err = UnknownDevice;

    fn from_str(name: &str) -> Result<Self, UnknownDevice> {
        let unknown = || UnknownDevice(name.to_owned());
        match name {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => {
                let number = name.strip_prefix("cuda:").ok_or_else(unknown)?;
                // A sign would be taken for part of a number.
                let digits = number.bytes().all(|byte| byte.is_ascii_digit());
                let number = number.parse().ok().filter(|_| digits);
                number.map(Self::Cuda).ok_or_else(unknown)
            }
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl TryFrom<String> for Device {
    type Error = UnknownDevice;

    fn try_from(name: String) -> Result<Self, UnknownDevice> {
        name.parse()
    }
}

impl From<Device> for String {
    fn from(device: Device) -> Self {
        device.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_devices_are_read_and_written() {
        for (name, device, written) in [
            ("cpu", Device::Cpu, "cpu"),
            ("cuda", Device::Cuda(0), "cuda:0"),
            ("cuda:0", Device::Cuda(0), "cuda:0"),
            ("cuda:15", Device::Cuda(15), "cuda:15"),
        ] {
            assert_eq!(name.parse(), Ok(device));
            assert_eq!(device.to_string(), written);
            assert_eq!(written.parse(), Ok(device));
        }
    }

    #[test]
    fn other_names_are_refused_with_those_that_there_are() {
        for name in [
            "",
            "gpu",
            "CUDA",
            "cuda:",
            "cuda:-1",
            "cuda:+1",
            "cuda:a",
            "cuda:65536",
            "cuda0",
            " cpu",
        ] {
            let refusal = name.parse::<Device>().unwrap_err().to_string();
            assert!(refusal.contains(&format!("'{name}'")), "{refusal}");
            assert!(refusal.contains("cpu, cuda or cuda:N"), "{refusal}");
        }
    }
}
