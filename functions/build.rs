//! Packs every source's rules, so that a function's start reads no YAML.

use std::path::{Path, PathBuf};
use std::{env, error, fs};

fn main() -> Result<(), Box<dyn error::Error>> {
    println!("cargo::rerun-if-changed=../rules");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    for source in fs::read_dir("../rules")? {
        let source = source?;
        let rules = source.path().join("rules.yaml");
        if rules.exists() {
            let packed = out.join(source.file_name()).with_added_extension("rules");
            fs::write(packed, pack(&rules)?)?;
        }
    }
    Ok(())
}

#[expect(
    clippy::print_stderr,
    reason = "where cargo takes a build's complaints"
)]
fn pack(rules: &Path) -> Result<Vec<u8>, Box<dyn error::Error>> {
    let text = fs::read_to_string(rules)?;
    let packed = hushgate_rules::language::pack(&rules.display().to_string(), &text);
    packed.map_err(|found| {
        for problem in found {
            eprintln!("{problem}");
        }
        "rules that can't be read".into()
    })
}
