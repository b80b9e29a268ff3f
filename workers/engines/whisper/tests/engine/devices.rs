//! Devices, and rows that are computed together.

use std::{sync::Arc, thread};

use voicefleet_core::{
    ErrorCode, Pcm,
    ports::{
        Device, EngineError, EngineLoader, ModelRef, TranscriptionEngine, TranscriptionOptions,
    },
};
use voicefleet_testkit::model_file;
use voicefleet_whisper::{Ct2Error, WhisperLoader, check_device};

use crate::{
    audio::jfk,
    support::{BASE, BASE_CT2, TINY_EN, TINY_EN_CT2, all, edits, english, files, load, spoken},
};

fn refusal(loader: &WhisperLoader, name: &str) -> EngineError {
    let model = ModelRef {
        name: name.to_owned(),
        digest: String::new(),
    };
    loader.load(&model, 1).err().expect("it loads")
}

#[test]
fn a_gpu_gets_no_model_of_whisper_cpp_and_is_told_which_it_could_have() {
    let loader = WhisperLoader::new(files()).on(Device::Cuda(0));
    for model in [BASE, TINY_EN] {
        let EngineError::Refused(failure) = refusal(&loader, model) else {
            panic!("{model} is not refused");
        };
        assert_eq!(failure.code, ErrorCode::InvalidRequest);
        assert_eq!(failure.field.as_deref(), Some("model"));
        for told in [&format!("'{model}'"), "cuda:0", BASE_CT2, TINY_EN_CT2] {
            assert!(failure.message.contains(told), "{failure}");
        }
    }
}

#[test]
fn a_gpu_that_is_not_there_is_an_error_and_never_the_cpu() {
    let library = model_file("ctranslate2/libctranslate2.so");
    check_device(&library, Device::Cpu).expect("the CPU is there");
    let error = check_device(&library, Device::Cuda(999)).expect_err("nobody has so many");
    assert!(matches!(error, Ct2Error::NoSuchGpu { index: 999, .. }));
    let loader = WhisperLoader::new(files()).on(Device::Cuda(999));
    let EngineError::Load(message) = refusal(&loader, TINY_EN_CT2) else {
        panic!("it is refused in another way");
    };
    assert!(message.contains("no CUDA device 999"), "{message}");
}

/// Five recordings of different lengths.
fn recordings() -> Vec<Pcm> {
    let audio = jfk();
    let part = |from: usize, to: usize| Pcm {
        samples: audio.samples[from * 16_000..to * 16_000].to_vec(),
        rate: audio.rate,
    };
    vec![
        audio.clone(),
        part(0, 4),
        part(3, 9),
        audio.clone(),
        part(7, 11),
    ]
}

fn transcribe(
    engine: &dyn TranscriptionEngine,
    audio: &Pcm,
    options: &TranscriptionOptions,
) -> Vec<String> {
    let heard = engine.transcribe(audio, all(audio), options);
    spoken(&heard.expect("the test's own audio").segments)
}

fn together(
    engine: &Arc<dyn TranscriptionEngine>,
    recordings: &[Pcm],
    options: &[TranscriptionOptions],
) -> Vec<Vec<String>> {
    thread::scope(|scope| {
        let calls: Vec<_> = (recordings.iter().zip(options))
            .map(|(audio, options)| scope.spawn(|| transcribe(&**engine, audio, options)))
            .collect();
        let texts = calls.into_iter().map(|call| call.join().expect("no panic"));
        texts.collect()
    })
}

#[test]
fn calls_that_are_computed_together_write_what_each_writes_alone() {
    let recordings = recordings();
    let options: Vec<TranscriptionOptions> = (0..recordings.len())
        .map(|call| TranscriptionOptions {
            // Prompts of other lengths, and none: these cannot be in one batch with each other.
            prompt: (call == 3).then(|| "A speech about one's country.".to_owned()),
            urgent: call == 1,
            ..english()
        })
        .collect();
    let alone = load(&WhisperLoader::new(files()), TINY_EN_CT2, 1).expect("it loads");
    let said = (recordings.iter().zip(&options))
        .map(|(audio, options)| transcribe(&*alone, audio, options));

    let loader = WhisperLoader::new(files()).with_rows(4);
    let engine = load(&loader, TINY_EN_CT2, recordings.len()).expect("it loads");
    for (heard, said) in together(&engine, &recordings, &options).iter().zip(said) {
        assert!(said.len() > 3, "{said:?}");
        // A shorter row hears more silence behind it than it does alone, which may change a word.
        assert!(edits(heard, &said) <= 1, "{heard:?} {said:?}");
    }
}

#[test]
fn languages_are_found_in_rows_too() {
    let recordings = [jfk(), jfk(), jfk()];
    let options: [TranscriptionOptions; 3] =
        std::array::from_fn(|_| TranscriptionOptions::default());
    let loader = WhisperLoader::new(files()).with_rows(8);
    let engine = load(&loader, BASE_CT2, 3).expect("it loads");
    let texts = together(&engine, &recordings, &options);
    for text in texts {
        assert!(
            text.join(" ").contains("ask not what your country"),
            "{text:?}"
        );
    }
}
