//! The servers for trying by hand, and the commands to type.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    net::IpAddr,
    path::Path,
    sync::Arc,
};

use anyhow::{Result, anyhow};

use crate::{
    binary::Missing,
    chain::{CONFIG, Chain, Step},
    demo, forge,
    git::Habit,
    tls::Tls,
    universe::{COMPONENT, Site, TAG, Universe},
};

/// Start all servers, print their addresses and the commands to try, until it is interrupted
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The address of this machine by which clients reach it: that of the network of a kind or CRC cluster for pods
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    pub listen: IpAddr,
    /// The registry's port; the Git server has the next one [default: free ports]
    #[arg(long, value_name = "BASE", value_parser = clap::value_parser!(u16).range(1..=65534))]
    pub port: Option<u16>,
    /// Speak TLS with a certificate of a private authority, which is printed
    #[arg(long)]
    pub tls: bool,
    /// Offer the API of this Git host beside its repositories: change requests and commit statuses
    #[arg(long, value_name = "KIND", value_parser = ["gitlab", "github", "gitea", "bitbucket"])]
    pub forge: Option<String>,
    /// Let the Git host behave so, in place of GitLab's redirects
    #[arg(long, value_name = "HABIT", value_parser = HABITS)]
    pub habit: Option<String>,
    /// Let an attacker act first (lab demo --list has their names); the printed commands then show the refusal
    #[arg(long, value_name = "NAME")]
    pub attack: Option<String>,
}

/// The habits by their names: the host limits the rate, refuses pushes to the branch, loses races for
/// a while, or serves only programs that call themselves git.
const HABITS: [&str; 4] = ["limits", "protected", "races", "user-agent"];

/// Starts the servers and prints the commands to try; they end when the universe is dropped.
pub fn start(args: &Args, promote: &Path) -> Result<Arc<Universe>> {
    let (universe, text) = prepare(args, promote)?;
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(universe)
}

/// Starts the servers and returns the commands to try.
pub fn prepare(args: &Args, promote: &Path) -> Result<(Arc<Universe>, String)> {
    crate::binary::need_git()?;
    if args.listen.is_unspecified() {
        let text = format!(
            "--listen {} is every address: name the one by which clients reach this machine",
            args.listen
        );
        return Err(anyhow!(Missing(text)));
    }
    let names = [args.listen.to_string()];
    let tls = args.tls.then(|| Tls::private_authority_for(&names));
    let site = Site {
        listen: args.listen,
        port: args.port,
        tls: tls.transpose()?,
    };
    let universe = Universe::at(&site).map_err(|error| anyhow!(Missing(format!("{error:#}"))))?;
    let universe = Arc::new(universe);
    let served = match &args.attack {
        Some(name) => demo::prepare(&universe, promote, name)?,
        None => {
            universe.sign_and_attest()?;
            demo::Prepared::honest()
        }
    };
    set_up_forge(&universe, args)?;
    let dir = universe.path("data");
    fs::create_dir_all(&dir)?;
    let chain = Chain {
        universe: &universe,
        promote: promote.to_owned(),
        dir: dir.clone(),
        tag: served.tag.clone(),
        more: Vec::new(),
    };
    fs::write(dir.join(CONFIG), chain.config())?;
    let mut text = String::new();
    describe(&mut text, &universe, promote)?;
    if let Some(told) = &served.told {
        writeln!(text, "\n{told}")?;
    }
    commands(&mut text, &chain, &site)?;
    if let Some(kind) = &args.forge {
        let globals = globals(&universe, &site);
        by_request(&mut text, &chain, &globals, kind)?;
    }
    on_tekton(&mut text, &universe)?;
    if args.tls || !args.listen.is_loopback() {
        on_cluster(&mut text, &universe, &site)?;
    }
    writeln!(text, "\n# Ctrl-C ends the servers and removes everything.")?;
    Ok((universe, text))
}

/// Sets the API and the habits of the Git host.
fn set_up_forge(universe: &Universe, args: &Args) -> Result<()> {
    if let Some(habit) = &args.habit {
        universe.git.set_habit(match habit.as_str() {
            "limits" => Habit::Limited {
                status: 429,
                times: 1,
                seconds: 1,
            },
            "protected" => Habit::Protected("main".to_owned()),
            "races" => Habit::Refuses {
                reason: "cannot lock ref".to_owned(),
                times: 2,
            },
            _ => Habit::UserAgent,
        });
    }
    if let Some(name) = &args.forge {
        let kind = forge::Kind::ALL.iter().find(|(_, own)| own == name);
        let (kind, _) = kind.ok_or_else(|| anyhow!(Missing(format!("no forge {name}"))))?;
        let token = fs::read_to_string(universe.path("git-credentials/password"))?;
        let forge = forge::Forge::new(*kind, token.trim());
        universe.git.set_forge(Arc::new(forge));
    }
    Ok(())
}

/// The last command as a change request, and a commit status.
fn by_request(text: &mut String, chain: &Chain<'_>, globals: &[String], kind: &str) -> Result<()> {
    let universe = chain.universe;
    let result =
        |of: Step, name: &str| format!("$(cat {}/{}/{name})", chain.dir.display(), of.command());
    writeln!(
        text,
        "\n# In place of the last command: a change request, and the state at the tag's commit:\n"
    )?;
    let mut request = chain.arguments(Step::UpdateDeployment, result);
    request.extend(["--change-request".to_owned(), format!("--forge={kind}")]);
    let status = [
        "commit-status".to_owned(),
        format!("--git-url={}", universe.source_url()),
        format!("--commit={}", universe.commit),
        "--state=success".to_owned(),
        format!("--git-credentials-dir={}", universe.credentials().display()),
        format!("--forge={kind}"),
    ];
    for arguments in [request, status.into()] {
        writeln!(text, "{}", command(&chain.promote, globals, &arguments))?;
    }
    Ok(())
}

fn describe(text: &mut String, universe: &Universe, promote: &Path) -> Result<()> {
    writeln!(
        text,
        "# an image built from the tag {TAG}: {}:{TAG}",
        universe.staging()
    )?;
    writeln!(
        text,
        "# production takes its images from {}",
        universe.production()
    )?;
    writeln!(text, "# the source is {}", universe.source_url())?;
    writeln!(text, "# the policy is {}", universe.policy_url())?;
    writeln!(text, "# the GitOps repository is {}", universe.gitops_url())?;
    writeln!(text, "\n# For the commands of the README:")?;
    for (name, value) in variables(universe, promote) {
        writeln!(text, "export {name}={value}")?;
    }
    Ok(())
}

/// The five commands, and the two that do the same.
fn commands(text: &mut String, chain: &Chain<'_>, site: &Site) -> Result<()> {
    let (promote, dir) = (&chain.promote, chain.dir.display());
    let globals = globals(chain.universe, site);
    writeln!(
        text,
        "\n# The five commands, each with the digest of what the one before wrote:\n"
    )?;
    let result = |of: Step, name: &str| format!("$(cat {dir}/{}/{name})", of.command());
    for step in Step::ALL {
        let line = command(promote, &globals, &chain.arguments(step, result));
        writeln!(text, "{line}")?;
    }
    writeln!(
        text,
        "\n# All in one, by flags or by a file; doctor tries what they need first:\n"
    )?;
    let mut doctor = chain.config_arguments();
    if let Some(name) = doctor.first_mut() {
        *name = "doctor".to_owned();
    }
    for arguments in [doctor, chain.run_arguments(), chain.config_arguments()] {
        writeln!(text, "{}", command(promote, &globals, &arguments))?;
    }
    Ok(())
}

/// Returns the global flags for the servers at this site.
fn globals(universe: &Universe, site: &Site) -> Vec<String> {
    let registry = universe.registry.address();
    let git = universe.git.address();
    let hosts = [
        registry.as_str(),
        git.rsplit('/').next().unwrap_or_default(),
    ];
    let flag = match (site.tls.is_some(), site.listen.is_loopback()) {
        (false, true) => return Vec::new(),
        (false, false) => "plain-http",
        (true, true) => "https",
        (true, false) => "",
    };
    let mut globals: Vec<_> = hosts
        .iter()
        .filter(|_| !flag.is_empty())
        .map(|host| format!("--{flag}={host}"))
        .collect();
    if site.tls.is_some() {
        globals.push(format!(
            "--ca-file={}",
            universe.path("ca/ca.pem").display()
        ));
    }
    globals
}

/// The shipped Pipeline in the runner of this program.
fn on_tekton(text: &mut String, universe: &Universe) -> Result<()> {
    let dir = |name: &str| universe.path(name).display().to_string();
    writeln!(
        text,
        "\n# The shipped Pipeline without a cluster, from the checkout:\n"
    )?;
    writeln!(
        text,
        "lab tekton run tasks/*/*.yaml pipelines/promote-to-prod/promote-to-prod.yaml \\"
    )?;
    for (name, value) in params(universe) {
        writeln!(text, "  --param {name}={value} \\")?;
    }
    for (name, path) in [
        ("data", "data"),
        ("git-credentials", "git-credentials"),
        ("gitops-credentials", "git-credentials"),
    ] {
        writeln!(text, "  --workspace {name}={} \\", dir(path))?;
    }
    writeln!(text, "  --out {}", dir("data/out"))?;
    Ok(())
}

fn params(universe: &Universe) -> Vec<(&'static str, String)> {
    let key = format!("\"$(cat {})\"", universe.public_key().display());
    vec![
        ("git-tag", TAG.to_owned()),
        ("revision", universe.commit.clone()),
        ("git-url", universe.source_url()),
        ("images", format!("{COMPONENT}={}", universe.staging())),
        ("policy", universe.policy_url()),
        ("public-key", key),
        ("ignore-rekor", "true".to_owned()),
        ("to", universe.production()),
        ("gitops-repo-url", universe.gitops_url()),
    ]
}

/// The Secrets that pods of a cluster need, and a PipelineRun for them.
fn on_cluster(text: &mut String, universe: &Universe, site: &Site) -> Result<()> {
    let path = |name: &str| universe.path(name).display().to_string();
    writeln!(
        text,
        "\n# A cluster whose pods reach {}: what to create in the namespace of the run (install/README.md)\n",
        site.listen
    )?;
    writeln!(
        text,
        "kubectl create secret generic promote-registry --type=kubernetes.io/dockerconfigjson \\\n  --from-file=.dockerconfigjson={}",
        path("docker-config/config.json")
    )?;
    writeln!(
        text,
        "kubectl create secret generic promote-gitops --type=kubernetes.io/basic-auth \\\n  --from-file={} --from-file={}",
        path("git-credentials/username"),
        path("git-credentials/password")
    )?;
    writeln!(
        text,
        "kubectl create secret generic cosign-pub --from-file={}",
        path("cosign.pub")
    )?;
    if let Some(tls) = &site.tls {
        writeln!(
            text,
            "kubectl create configmap promote-ca --from-file={}",
            path("ca/ca.pem")
        )?;
        writeln!(
            text,
            "\n# The authority, in that file too:\n{}",
            tls.trusted_pem.trim_end()
        )?;
    } else {
        writeln!(
            text,
            "# Without --tls no pod talks to these servers: the Tasks have no --plain-http."
        )?;
    }
    let file = universe.path("pipelinerun.yaml");
    fs::write(&file, pipeline_run(universe, site.tls.is_some()))?;
    writeln!(text, "\nkubectl create --filename {}", file.display())?;
    Ok(())
}

/// A PipelineRun of the shipped Pipeline with the values of the universe.
fn pipeline_run(universe: &Universe, tls: bool) -> String {
    let mut params = String::new();
    for (name, value) in params_of_run(universe) {
        params.push_str(&format!("    - name: {name}\n      value: {value}\n"));
    }
    let authority = match tls {
        true => "    - name: ca-certificates\n      configMap:\n        name: promote-ca\n",
        false => "",
    };
    format!(
        "\
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  generateName: promote-to-prod-
spec:
  pipelineRef:
    name: promote-to-prod
  params:
{params}  taskRunTemplate:
    serviceAccountName: promote
    podTemplate:
      securityContext:
        fsGroup: 65532
  workspaces:
    - name: data
      volumeClaimTemplate:
        spec:
          accessModes: [ReadWriteOnce]
          resources:
            requests:
              storage: 64Mi
    - name: docker-config
      secret:
        secretName: promote-registry
    - name: git-credentials
      secret:
        secretName: promote-gitops
    - name: gitops-credentials
      secret:
        secretName: promote-gitops
{authority}"
    )
}

fn params_of_run(universe: &Universe) -> Vec<(&'static str, String)> {
    let params = params(universe).into_iter();
    let of_run = params.map(|(name, value)| match name {
        "images" => (name, format!("[{value}]")),
        "public-key" => (name, "k8s://cosign-pub".to_owned()),
        "ignore-rekor" => (name, "\"true\"".to_owned()),
        _ => (name, value),
    });
    of_run.collect()
}

/// The variables that the commands of the README use.
#[must_use]
pub fn variables(universe: &Universe, promote: &Path) -> [(&'static str, String); 5] {
    let beside = promote.parent().unwrap_or(Path::new("."));
    let credentials = universe.credentials().display().to_string();
    [
        ("REGISTRY", universe.registry.address()),
        ("GIT", universe.git.address()),
        ("KEY", universe.public_key().display().to_string()),
        ("PROMOTE_GIT_CREDENTIALS_DIR", credentials),
        ("PATH", format!("{}:$PATH", beside.display())),
    ]
}

/// A command line for a shell; `$(cat …)` stays a substitution.
fn command(promote: &Path, globals: &[String], arguments: &[String]) -> String {
    let name = arguments.first().map_or("", String::as_str);
    let mut line = format!("{} {name}", promote.display());
    for argument in globals.iter().chain(arguments.iter().skip(1)) {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_=/.:,@%+".contains(c);
        if argument.chars().all(plain) {
            line.push_str(&format!(" \\\n  {argument}"));
        } else if argument.contains("$(cat ") {
            line.push_str(&format!(" \\\n  \"{argument}\""));
        } else {
            let quoted = argument.replace('\'', "'\\''");
            line.push_str(&format!(" \\\n  '{quoted}'"));
        }
    }
    line
}
