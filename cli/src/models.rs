//! `voicefleet models`: the model files on this machine.

use std::{process::ExitCode, sync::Arc};

use voicefleet_core::{EngineId, ports::ModelRef};
use voicefleet_models::{
    Asset, Condition, Manifest, ModelStore, PullOptions, Set, catalog, progress,
};

use crate::{
    cli::{ModelsCommand, ModelsFolder},
    devices::Devices,
    engines,
    settings::models_folder,
};

const MIB: f64 = 1024.0 * 1024.0;

/// Runs the command; `verify` exits with 1 if a file is not what it should be.
pub(crate) async fn run(command: ModelsCommand) -> anyhow::Result<ExitCode> {
    match command {
        ModelsCommand::List(folder) => list(&open(folder)),
        ModelsCommand::Pull { folder, names } => {
            let store = Arc::new(open(folder));
            pull(&store, names).await?;
            prepare_voices(&store);
        }
        ModelsCommand::Verify(folder) => return verify(&open(folder)),
    }
    Ok(ExitCode::SUCCESS)
}

fn open(folder: ModelsFolder) -> ModelStore {
    ModelStore::open(models_folder(folder.models))
}

fn list(store: &ModelStore) {
    print_line(&format!("models folder: {}", store.dir().display()));
    print_line(&format!(
        "{:<28} {:<10} {:>9}  {:<9} licence",
        "name", "for", "MiB", "installed"
    ));
    for asset in store
        .manifest()
        .assets()
        .iter()
        .filter(|asset| !asset.files.is_empty())
    {
        print_line(&line_of(store, asset));
    }
    print_line("\nSets: default (a first run), test and bench (what those need beyond that).");
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB
}

fn line_of(store: &ModelStore, asset: &Asset) -> String {
    let installed = if store.installed(&asset.name) {
        "yes"
    } else {
        "no"
    };
    let size = mib(asset.size());
    format!(
        "{:<28} {:<10} {size:>9.1}  {installed:<9} {}",
        asset.name, asset.purpose, asset.licence
    )
}

async fn pull(store: &ModelStore, names: Vec<String>) -> anyhow::Result<()> {
    let names = if names.is_empty() {
        vec![Set::Default.name().to_owned()]
    } else {
        names
    };
    let wanted = store.manifest().select(&names)?;
    let report = store
        .pull(&wanted, progress::for_stderr(), &PullOptions::default())
        .await?;
    print_line(&format!(
        "{} files put in place ({:.1} MiB); {:.1} MiB fetched. Models folder: {}",
        report.files.len(),
        mib(report.bytes_placed),
        mib(report.bytes_fetched),
        store.dir().display(),
    ));
    Ok(())
}

/// Loads each Piper voice once, which leaves beside it what it is quicker to start from: workers may see
/// this folder without the right to write.
fn prepare_voices(store: &Arc<ModelStore>) {
    let piper = EngineId::new("piper");
    let loaders = engines::loaders(store, Devices::default());
    let Some(loader) = loaders.iter().find(|loader| *loader.engine() == piper) else {
        return;
    };
    let voices = catalog(store).models.into_iter();
    for voice in voices.filter(|model| model.installed && model.engine == piper) {
        let model = ModelRef {
            name: voice.name,
            digest: voice.digest,
        };
        // What a voice lacks is said when somebody wants to hear it.
        if let Err(error) = loader.load(&model, 1) {
            tracing::debug!(model = model.name, %error, "not prepared");
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "like the other commands")]
fn verify(store: &ModelStore) -> anyhow::Result<ExitCode> {
    let states = store.verify(&Manifest::embedded().all());
    let installed: Vec<_> = states
        .iter()
        .filter(|state| state.condition != Condition::Missing)
        .collect();
    let mut wrong = 0;
    for state in &installed {
        let good = state.condition == Condition::Good;
        wrong += usize::from(!good);
        print_line(&format!(
            "{:<9} {}",
            if good { "good" } else { "WRONG" },
            state.path
        ));
    }
    let right = installed.len() - wrong;
    print_line(&format!(
        "{right} of {} installed files are what the manifest says.",
        installed.len()
    ));
    Ok(if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[expect(clippy::print_stdout, reason = "the answer of the command")]
fn print_line(line: &str) {
    println!("{line}");
}
