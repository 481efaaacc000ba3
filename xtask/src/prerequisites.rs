//! What the tests need beside Rust, and setting it up in `.tools/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::chore::{root, step, tools};

/// The folders of installed test peers.
pub(crate) struct Peers {
    /// Holds `node_modules` of `tests/peers/package-lock.json`.
    pub(crate) node: PathBuf,
    /// The interpreter of the virtual environment with `tests/peers/requirements.txt`.
    pub(crate) python: PathBuf,
}

/// A program the tests need, and how to get it.
const NEEDED: &[(&str, &[&str], &str)] = &[
    (
        "node",
        &["--version"],
        "Node.js 20 or newer (https://nodejs.org, or your system's package `nodejs`)",
    ),
    (
        "npm",
        &["--version"],
        "npm (comes with Node.js, or your system's package `npm`)",
    ),
    (
        "python3",
        &["--version"],
        "Python 3.10 or newer with `venv` (your system's packages `python3`, `python3-venv`)",
    ),
    (
        "cc",
        &["--version"],
        "a C compiler for aws-lc (your system's package `build-essential` or the Xcode tools)",
    ),
];

/// Checks for every needed program and names all that are missing at once.
pub(crate) fn check() -> anyhow::Result<()> {
    let missing: Vec<_> = NEEDED
        .iter()
        .filter(|(program, arguments, _)| {
            !Command::new(program)
                .args(*arguments)
                .output()
                .is_ok_and(|o| o.status.success())
        })
        .map(|(program, _, hint)| format!("  `{program}` is missing: install {hint}"))
        .collect();
    if !missing.is_empty() {
        bail!(
            "the tests need programs that are not here:\n{}",
            missing.join("\n")
        );
    }
    let version = Command::new("node").arg("--version").output()?.stdout;
    let version = String::from_utf8_lossy(&version);
    let major = version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .next()
        .unwrap_or_default();
    if major.parse::<u32>().unwrap_or(0) < 20 {
        bail!(
            "the tests need Node.js 20 or newer; `node --version` says {}",
            version.trim()
        );
    }
    Ok(())
}

/// Installs the pinned npm and Python packages unless that has been done for the same pins.
pub(crate) fn install() -> anyhow::Result<Peers> {
    check()?;
    let source = root().join("tests/peers");
    let node = tools().join("peers");
    once(
        &node,
        &[
            source.join("package.json"),
            source.join("package-lock.json"),
            source.join("browser/unpack.mjs"),
        ],
        |folder| {
            let mut npm = Command::new("npm");
            npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
                .current_dir(folder);
            step("npm packages of the test peers", &mut npm)?;
            let mut unpack = Command::new("node");
            unpack.arg(folder.join("unpack.mjs")).arg(folder);
            step("Chromium of the browser tests", &mut unpack)
        },
    )?;
    let python = environment("python", "requirements.txt", &[], "the test peers")?;
    Ok(Peers { node, python })
}

/// Installs the pinned emulators of the clouds; gives the interpreter of their environment.
pub(crate) fn install_emulators() -> anyhow::Result<PathBuf> {
    environment(
        "python-clouds",
        "requirements-cloud.txt",
        &[],
        "the clouds' emulators",
    )
}

/// Installs the pinned cargo-lambda; gives the program.
pub(crate) fn install_cargo_lambda() -> anyhow::Result<PathBuf> {
    let python = environment(
        "python-lambda",
        "requirements-lambda.txt",
        &["--no-deps"],
        "cargo-lambda",
    )?;
    Ok(python.with_file_name("cargo-lambda"))
}

/// A virtual environment in `.tools/` with the packages that a file of `tests/peers` pins; gives its
/// interpreter. The options are pip's.
fn environment(name: &str, pins: &str, options: &[&str], of: &str) -> anyhow::Result<PathBuf> {
    let venv = tools().join(name);
    let python = venv.join("bin/python");
    let source = root().join("tests/peers").join(pins);
    once(&venv, &[source], |folder| {
        let mut create = Command::new("python3");
        create.args(["-m", "venv"]).arg(folder);
        step(&format!("Python environment of {of}"), &mut create)?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet"]);
        pip.args(options);
        pip.args(["--disable-pip-version-check", "-r"]);
        step(
            &format!("Python packages of {of}"),
            pip.arg(folder.join(pins)),
        )
    })?;
    Ok(python)
}

/// Runs `install` in `folder` with copies of `pins`, unless it finished there before for equal pins.
fn once(
    folder: &Path,
    pins: &[PathBuf],
    install: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut wanted = String::new();
    for pin in pins {
        wanted +=
            &std::fs::read_to_string(pin).with_context(|| format!("read {}", pin.display()))?;
    }
    let stamp = folder.join("installed-for");
    if std::fs::read_to_string(&stamp).is_ok_and(|had| had == wanted) {
        return Ok(());
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    for pin in pins {
        let name = pin.file_name().context("a pin is a file")?;
        std::fs::copy(pin, folder.join(name))?;
    }
    install(folder)?;
    std::fs::write(stamp, wanted)?;
    Ok(())
}
