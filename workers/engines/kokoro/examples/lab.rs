//! throw-away
#![allow(
    clippy::all,
    clippy::pedantic,
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "throw-away"
)]
use std::{collections::HashMap, time::Instant};
use voicefleet_core::ports::*;
use voicefleet_kokoro::*;
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let v: Vec<&str> = s[s.rfind(')').unwrap() + 2..].split(' ').collect();
    (v[11].parse::<f64>().unwrap() + v[12].parse::<f64>().unwrap()) / 100.0
}
fn rss() -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .unwrap()
        .lines()
        .find(|l| l.starts_with("VmRSS"))
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1024
}
fn main() {
    let m = std::path::PathBuf::from("/root/.cache/voicefleet/models");
    let a: Vec<String> = std::env::args().collect();
    let files = KokoroFiles {
        models: HashMap::from([("k".into(), m.join("kokoro/kokoro-v1.0.int8.onnx"))]),
        vocab: m.join("kokoro/vocab.json"),
        voices: m.join("kokoro/voices"),
        espeak_data: m.join("espeak-ng-data"),
        onnx_runtime: m.join("onnxruntime/libonnxruntime.so.1.22.1"),
    };
    let c0 = cpu();
    let t = Instant::now();
    let LoadedEngine::Speech(e) = KokoroLoader::new(files)
        .load(
            &ModelRef {
                name: "k".into(),
                digest: String::new(),
            },
            1,
        )
        .unwrap()
    else {
        panic!()
    };
    println!(
        "# load {:.3}s cpu {:.2} rss {}",
        t.elapsed().as_secs_f64(),
        cpu() - c0,
        rss()
    );
    let say = std::env::var("PLAN").is_err();
    let (mut tot, mut totc, mut totw) = (0.0, 0.0, 0.0);
    for line in std::fs::read_to_string(&a[1]).unwrap().lines() {
        let f: Vec<&str> = line.split('\t').collect();
        let (out, voice, speed, text) = (
            f[0],
            f[1],
            f[2].parse::<f32>().unwrap(),
            f[3].replace("\\n", "\n"),
        );
        let t = Instant::now();
        let c = cpu();
        let plan = if let Some(p) = text.strip_prefix("RAW:") {
            Ok(vec![SpeechChunk {
                phonemes: p.into(),
                voice: voice.into(),
                speed,
                pause_ms: 0,
            }])
        } else {
            e.plan(&SpeechRequest {
                text: text.clone(),
                voice: voice.into(),
                speed,
            })
        };
        let plan = match plan {
            Ok(p) => p,
            Err(e) => {
                println!("{out}\tERR {e}");
                continue;
            }
        };
        println!(
            "# plan {:.1}ms cpu {:.3}",
            t.elapsed().as_secs_f64() * 1e3,
            cpu() - c
        );
        let mut all = vec![];
        for ch in plan {
            let n = ch.phonemes.chars().count();
            let c = cpu();
            let t = Instant::now();
            let mut dur = 0.0;
            if say {
                let pcm = e.speak(&ch).unwrap();
                dur = pcm.seconds();
                all.extend(pcm.samples);
            }
            let (w, c) = (t.elapsed().as_secs_f64(), cpu() - c);
            tot += dur;
            totc += c;
            totw += w;
            println!(
                "{out}\t{voice}\tn={n}\tdur={dur:.2}\tpause={}\tcpu={c:.2}\twall={w:.2}\t{}",
                ch.pause_ms, ch.phonemes
            );
        }
        if say && out != "-" {
            std::fs::write(
                format!("{}/{out}.f32", a[2]),
                all.iter()
                    .flat_map(|x| x.to_le_bytes())
                    .collect::<Vec<u8>>(),
            )
            .unwrap();
        }
    }
    println!(
        "# total audio {tot:.1}s cpu/audio {:.3} rtf {:.3} rss {}",
        totc / tot,
        totw / tot,
        rss()
    );
}
