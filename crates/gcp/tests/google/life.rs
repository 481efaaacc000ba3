//! A connection's life cycle over Secret Manager.

use std::sync::Arc;

use hushgate_gcp::secrets::secrets;
use hushgate_host::store::testing::life::{
    Store, check_chain, check_died_in_exchange, check_one_exchange, connect,
};

use crate::emulator::environment;
use crate::mishap::Mishap;
use crate::secrets::Project;
use crate::wire::Wire;

#[tokio::test(flavor = "multi_thread")]
async fn instances_make_one_exchange() {
    let Some(project) = Project::new().await else {
        return;
    };
    let store = || Arc::new(project.store()) as Store;
    connect(&store()).await;
    check_one_exchange((0..5).map(|_| store()).collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn renewals_go_on_in_one_chain() {
    let Some(project) = Project::new().await else {
        return;
    };
    let plain: Store = Arc::new(project.store());
    connect(&plain).await;
    // What `latest` stands for stays behind by more and more renewals.
    project.front.be_late_about_versions(&project.id).await;
    let mut stores = Vec::new();
    for number in 0..3 {
        let wire = Wire::before(&format!("http://{}", project.front.address)).await;
        wire.mishaps.follow(number, |call| match call % 11 {
            1 => Some(Mishap::Lost),
            4 => Some(Mishap::Status(500, "")),
            6 => Some(Mishap::Status(429, "")),
            9 => Some(Mishap::Cut),
            _ => None,
        });
        let environment = environment("SECRET_MANAGER_EMULATOR_HOST", &wire.address);
        let store = secrets(&project.id, "acme", &environment).unwrap();
        stores.push(Arc::new(store) as Store);
    }
    check_chain(&plain, &stores).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_died_in_an_exchange_is_gone_on_from() {
    let Some(project) = Project::new().await else {
        return;
    };
    check_died_in_exchange(move || Arc::new(project.store()) as Store).await;
}
