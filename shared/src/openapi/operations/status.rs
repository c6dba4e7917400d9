//! Status of the deployment.

use super::DEPLOYMENT;
use crate::manage::status::StatusReport;
use crate::openapi::describe::{OperationDoc, describe};
use crate::openapi::examples;

pub(super) fn read_status() -> OperationDoc {
    let description = "What fails, since when, for whom, and whose fault it is, each with a runbook. A key of one tenant \
                       sees its jobs, endpoints and causes, and the crons, queues and storage of the deployment. A key \
                       for all tenants also sees the estimated usage of the account; without a tenant it sees all tenants. \
                       Every count stops at a limit and has `at_least`.";
    describe(DEPLOYMENT, "Reports what fails", description)
        .takes(&["Longshore-Tenant", "tenant"])
        .answers::<StatusReport<'_>>(200, "The status, also if something fails.", examples::status())
}
