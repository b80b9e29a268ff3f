//! What a session has settled on.

use voicefleet_core::{AudioFormat, ErrorCode, Failure, Tier};

use super::{
    MAX_MESSAGE,
    events::{SessionLimits, SessionState},
    protocol::{SessionStart, SessionUpdate},
    session::MAX_OUTSTANDING,
};
use crate::{
    app::App,
    problem::ApiError,
    speech::{SpeechWish, steering},
    tenancy::Caller,
    urgency,
};

/// Where audio is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    /// In binary messages.
    Binary,
    /// In events.
    Base64,
}

impl Carrier {
    fn parse(name: Option<&str>) -> Result<Self, Failure> {
        match name {
            None | Some("binary") => Ok(Self::Binary),
            Some("base64") => Ok(Self::Base64),
            Some(other) => {
                let shown: String = other.chars().take(32).collect();
                let message =
                    format!("there is no way '{shown}' to send audio; use binary or base64");
                Err(Failure::of_field(
                    ErrorCode::UnknownFormat,
                    "audio",
                    message,
                ))
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Base64 => "base64",
        }
    }
}

/// How something is to be spoken.
#[derive(Clone, Debug, Default)]
pub(super) struct Manner {
    pub(super) model: Option<String>,
    pub(super) engine: Option<String>,
    pub(super) voice: Option<String>,
    pub(super) speed: Option<f64>,
}

impl Manner {
    pub(super) fn wish<'a>(&'a self, input: &'a str, format: AudioFormat) -> SpeechWish<'a> {
        SpeechWish {
            input,
            engine: self.engine.as_deref(),
            model: self.model.as_deref(),
            voice: self.voice.as_deref(),
            speed: self.speed,
            format: Some(format.name()),
        }
    }

    /// The same with another voice or speed, where they are given.
    pub(super) fn with(&self, voice: Option<String>, speed: Option<f64>) -> Self {
        Self {
            voice: voice.or_else(|| self.voice.clone()),
            speed: speed.or(self.speed),
            ..self.clone()
        }
    }

    /// Refuses what nothing could be spoken with.
    fn check(&self, app: &App) -> Result<(), Failure> {
        let wish = self.wish("a", AudioFormat::Pcm);
        steering::check(wish, &app.catalog_now(), app.limits.max_sync_chars)
    }
}

/// What holds for whatever is asked for next.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) manner: Manner,
    pub(super) tier: Tier,
    pub(super) format: AudioFormat,
    pub(super) carrier: Carrier,
}

impl Settings {
    pub(super) fn start(
        app: &App,
        caller: &Caller,
        message: SessionStart,
    ) -> Result<Self, ApiError> {
        let format = message.response_format.as_deref().unwrap_or("pcm");
        let format = format
            .parse()
            .map_err(|error: voicefleet_core::audio::UnknownFormat| {
                let message = error.to_string();
                Failure::of_field(ErrorCode::UnknownFormat, "response_format", message)
            })?;
        let settings = Self {
            manner: Manner {
                model: message.model,
                engine: message.engine,
                voice: message.voice,
                speed: message.speed,
            },
            tier: urgency::tier(message.tier.as_deref(), Tier::Realtime)?,
            format,
            carrier: Carrier::parse(message.audio.as_deref())?,
        };
        settings.checked(app, caller)
    }

    /// As they are after `message`. A new model or engine is spoken by its own default voice, unless it comes
    /// with one.
    pub(super) fn updated(
        &self,
        app: &App,
        caller: &Caller,
        message: SessionUpdate,
    ) -> Result<Self, ApiError> {
        let mut manner = self.manner.with(message.voice.clone(), message.speed);
        if message.model.is_some() || message.engine.is_some() {
            manner.model = message.model;
            manner.engine = message.engine;
            manner.voice = message.voice;
        }
        let settings = Self {
            manner,
            tier: urgency::tier(message.tier.as_deref(), self.tier)?,
            ..self.clone()
        };
        settings.checked(app, caller)
    }

    fn checked(self, app: &App, caller: &Caller) -> Result<Self, ApiError> {
        caller.check_tier(self.tier)?;
        self.manner.check(app)?;
        Ok(self)
    }

    /// As the client is told.
    pub(super) fn state(&self, app: &App, session_id: &str) -> SessionState {
        let Manner {
            model,
            engine,
            voice,
            speed,
        } = self.manner.clone();
        SessionState {
            session_id: session_id.to_owned(),
            model,
            engine,
            voice,
            speed: speed.unwrap_or(1.0),
            tier: self.tier,
            response_format: self.format,
            content_type: self.format.content_type(),
            audio: self.carrier.name(),
            limits: SessionLimits {
                message_bytes: MAX_MESSAGE,
                outstanding: MAX_OUTSTANDING,
                input_chars: app.limits.max_sync_chars,
                appended_chars: app.limits.max_job_chars,
                idle_seconds: app.limits.live_idle.as_secs(),
            },
        }
    }
}
