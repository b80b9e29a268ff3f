//! How the fleet is scaled.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use clap::Args;
use serde::Serialize;
use voicefleet_core::{
    EngineId, Tier,
    scaling::{DrainTargets, Hardware, PoolPolicy, ScalingPolicy, Split},
};

use super::Settings;

/// What can be given on the command line about scaling.
#[derive(Args, Clone, Debug, Default, Serialize)]
pub(crate) struct ScalingOptions {
    /// Piper's share of the compute while all pools want more, per cent [default: 70]. Until another split is set.
    #[arg(long, env = "VOICEFLEET_PIPER_SHARE", value_name = "PERCENT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    piper_share: Option<u32>,
    /// Kokoro's share [default: 10].
    #[arg(long, env = "VOICEFLEET_KOKORO_SHARE", value_name = "PERCENT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    kokoro_share: Option<u32>,
    /// Whisper's share [default: 20].
    #[arg(long, env = "VOICEFLEET_WHISPER_SHARE", value_name = "PERCENT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    whisper_share: Option<u32>,
    /// What Piper's workers run on [default: cpu]. Pools of one kind lend their shares to each other.
    #[arg(long, env = "VOICEFLEET_PIPER_HARDWARE", value_name = "cpu|gpu")]
    #[serde(skip_serializing_if = "Option::is_none")]
    piper_hardware: Option<Hardware>,
    /// What Kokoro's workers run on [default: cpu].
    #[arg(long, env = "VOICEFLEET_KOKORO_HARDWARE", value_name = "cpu|gpu")]
    #[serde(skip_serializing_if = "Option::is_none")]
    kokoro_hardware: Option<Hardware>,
    /// What Whisper's workers run on [default: cpu].
    #[arg(long, env = "VOICEFLEET_WHISPER_HARDWARE", value_name = "cpu|gpu")]
    #[serde(skip_serializing_if = "Option::is_none")]
    whisper_hardware: Option<Hardware>,
    /// Slots that all pools on CPUs may take together [default: as many as they want].
    #[arg(long, env = "VOICEFLEET_CPU_BUDGET", value_name = "SLOTS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_budget: Option<u32>,
    /// Slots that all pools on graphics cards may take together [default: as many as they want].
    #[arg(long, env = "VOICEFLEET_GPU_BUDGET", value_name = "SLOTS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu_budget: Option<u32>,
    /// Most Piper workers [default: 20].
    #[arg(long, env = "VOICEFLEET_PIPER_MAX", value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    piper_max: Option<u32>,
    /// Most Kokoro workers [default: 20].
    #[arg(long, env = "VOICEFLEET_KOKORO_MAX", value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    kokoro_max: Option<u32>,
    /// Most Whisper workers [default: 20].
    #[arg(long, env = "VOICEFLEET_WHISPER_MAX", value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    whisper_max: Option<u32>,
    /// In what time the realtime backlog shall be worked off, seconds [default: 5].
    #[arg(long, env = "VOICEFLEET_REALTIME_DRAIN_SECONDS", value_name = "S")]
    #[serde(skip_serializing_if = "Option::is_none")]
    realtime_drain_seconds: Option<f64>,
    /// In what time the standard backlog shall be worked off, seconds [default: 60].
    #[arg(long, env = "VOICEFLEET_STANDARD_DRAIN_SECONDS", value_name = "S")]
    #[serde(skip_serializing_if = "Option::is_none")]
    standard_drain_seconds: Option<f64>,
    /// In what time the batch backlog shall be worked off, seconds [default: 600].
    #[arg(long, env = "VOICEFLEET_BATCH_DRAIN_SECONDS", value_name = "S")]
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_drain_seconds: Option<f64>,
    /// How long a pool keeps its last worker without work, seconds [default: 120].
    #[arg(long, env = "VOICEFLEET_COOLDOWN_SECONDS", value_name = "S")]
    #[serde(skip_serializing_if = "Option::is_none")]
    cooldown_seconds: Option<u64>,
    /// Where the scaler answers KEDA (gRPC) [default: 127.0.0.1:6000].
    #[arg(long, env = "VOICEFLEET_SCALER_LISTEN", value_name = "ADDR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    scaler_listen: Option<SocketAddr>,
    /// The scaler's certificate (PEM); with it, it speaks TLS.
    #[arg(long, env = "VOICEFLEET_SCALER_TLS_CERT", value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    scaler_tls_cert: Option<PathBuf>,
    /// The key of the certificate (PEM).
    #[arg(long, env = "VOICEFLEET_SCALER_TLS_KEY", value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    scaler_tls_key: Option<PathBuf>,
    /// Who vouches for the scaler's clients (PEM); with it, others are refused.
    #[arg(long, env = "VOICEFLEET_SCALER_TLS_CLIENT_CA", value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    scaler_tls_client_ca: Option<PathBuf>,
}

impl Settings {
    /// The pools and their bounds. The first split is here as well.
    pub(crate) fn scaling(&self) -> ScalingPolicy {
        let pools = [
            ("piper", self.piper_hardware, self.piper_max),
            ("kokoro", self.kokoro_hardware, self.kokoro_max),
            ("whisper", self.whisper_hardware, self.whisper_max),
        ];
        let slots = self.slots().map(|(_, slots)| slots);
        let policy = |((engine, hardware, max_workers), slots)| PoolPolicy {
            engine: EngineId::new(engine),
            hardware,
            slots: u32::try_from(slots).unwrap_or(u32::MAX),
            max_workers,
        };
        ScalingPolicy {
            pools: pools.into_iter().zip(slots).map(policy).collect(),
            drain: self.drain(),
            split: self.split(),
        }
    }

    fn split(&self) -> Split {
        let shares = [
            ("piper", self.piper_share),
            ("kokoro", self.kokoro_share),
            ("whisper", self.whisper_share),
        ];
        let budgets = [
            (Hardware::Cpu, self.cpu_budget),
            (Hardware::Gpu, self.gpu_budget),
        ];
        let budgets = budgets.into_iter();
        Split {
            shares: BTreeMap::from(shares.map(|(engine, share)| (EngineId::new(engine), share))),
            budgets: budgets
                .filter_map(|(hardware, slots)| Some((hardware, slots?)))
                .collect(),
        }
    }

    fn drain(&self) -> DrainTargets {
        let mut targets = [0.0; 3];
        targets[Tier::Realtime.rank()] = self.realtime_drain_seconds;
        targets[Tier::Standard.rank()] = self.standard_drain_seconds;
        targets[Tier::Batch.rank()] = self.batch_drain_seconds;
        DrainTargets(targets)
    }

    /// What is wrong about scaling, a sentence each.
    pub(super) fn wrong_scaling(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let policy = self.scaling();
        if let Err(error) = policy.split.check(&policy.engines()) {
            wrong.push(format!("the split, {error}"));
        }
        if !policy.drain.are_valid() {
            wrong.push(
                "realtime_, standard_, batch_drain_seconds: must be above 0 and at most 86400"
                    .to_owned(),
            );
        }
        for pool in policy.pools.iter().filter(|pool| pool.max_workers == 0) {
            wrong.push(format!("{}_max: must be at least 1", pool.engine));
        }
        if !(1..=86_400).contains(&self.cooldown_seconds) {
            wrong.push("cooldown_seconds: must be 1 to 86400".to_owned());
        }
        let (certificate, key) = (&self.scaler_tls_cert, &self.scaler_tls_key);
        if certificate.is_some() != key.is_some() {
            wrong.push(
                "scaler_tls_cert, scaler_tls_key: one is nothing without the other".to_owned(),
            );
        }
        if self.scaler_tls_client_ca.is_some() && certificate.is_none() {
            wrong.push("scaler_tls_client_ca: needs scaler_tls_cert and scaler_tls_key".to_owned());
        }
        wrong
    }
}
