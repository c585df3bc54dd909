//! A setting of the same key that wins is refused; its honest twin passes.

use super::{Values, check_values};
use crate::gitops::{Error, TargetComponent, Tree, path};

const VALUES: (&str, &str) = (
    "charts/web/values.yaml",
    "image: {repository: q.io/acme/web, tag: v0}\n",
);

fn check_file(edited: &str, key: &str, files: &[(&str, &str)]) -> Result<Vec<String>, Error> {
    let component = TargetComponent {
        name: "web".to_owned(),
        repositories: vec!["q.io/acme/web".to_owned()],
    };
    let steps = path::parse(key).unwrap();
    let values = Values {
        file: edited,
        key,
        steps: &steps,
        component: &component,
        image: "q.io/acme/web:v9".to_owned(),
    };
    let files = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    check_values(&Tree::of(files.collect()), &values)
}

fn check(key: &str, name: &str, text: &str) -> Result<Vec<String>, Error> {
    check_file(VALUES.0, key, &[VALUES, (name, text)])
}

fn application(helm: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec: {{source: {{path: charts/web, helm: {helm}}}}}\n"
    )
}

fn release(spec: &str) -> String {
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nspec: {{chart: {{spec: {{chart: ./charts/web}}}}, {spec}}}\n"
    )
}

#[track_caller]
fn wins(key: &str, text: &str, at: &str) {
    let error = check(key, "apps/web.yaml", text).unwrap_err().to_string();
    assert!(
        error.starts_with("apps/web.yaml:") && error.contains(at),
        "{error}"
    );
}

#[track_caller]
fn passes(key: &str, text: &str) {
    assert_eq!(
        check(key, "apps/web.yaml", text).unwrap(),
        Vec::<String>::new(),
        "{text}"
    );
}

#[test]
fn finds_what_an_application_sets() {
    let parameter = application("{parameters: [{name: image.tag, value: v1}]}");
    wins("image", &parameter, "spec.source.helm.parameters[0].value");
    passes("imageX", &parameter);
    let object = application("{valuesObject: {image: {tag: v1}}}");
    wins("image", &object, "spec.source.helm.valuesObject.image");
    passes("worker.image", &object);
    passes("image", &object.replace("charts/web", "charts/api"));
    let text = application("{values: 'image: {tag: v1}'}");
    wins("image", &text, "spec.source.helm.values.image");
    passes("worker.image", &text);
    // The text is ignored beside an object.
    passes(
        "image",
        &application("{values: 'image: {tag: v1}', valuesObject: {replicas: 2}}"),
    );
    let source = "helm: {parameters: [{name: image.tag, value: v1}]}\n";
    assert!(check("image", "charts/web/.argocd-source.yaml", source).is_err());
    assert!(check("image", "charts/api/.argocd-source.yaml", source).is_ok());
}

#[test]
fn finds_what_a_later_value_file_sets() {
    let two = application("{valueFiles: [values.yaml, ../../envs/prod.yaml]}");
    let set = ("envs/prod.yaml", "image: {tag: v1}\n");
    let error = check_file(VALUES.0, "image", &[VALUES, set, ("apps/web.yaml", &two)]).unwrap_err();
    assert!(
        error.to_string().starts_with("envs/prod.yaml:1:"),
        "{error}"
    );
    let unset = ("envs/prod.yaml", "replicas: 3\n");
    check_file(VALUES.0, "image", &[VALUES, unset, ("apps/web.yaml", &two)]).unwrap();
    // The last one wins.
    check_file(set.0, "image", &[VALUES, set, ("apps/web.yaml", &two)]).unwrap();
    let missing = check_file(VALUES.0, "image", &[VALUES, ("apps/web.yaml", &two)]).unwrap();
    assert!(
        missing
            .iter()
            .any(|line| line.contains("../../envs/prod.yaml is not seen")),
        "{missing:?}"
    );
    let by_reference = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec: {sources: [{chart: web, helm: {valueFiles: [$values/envs/prod.yaml], parameters: [{name: image.tag, value: v1}]}}, {ref: values}]}\n";
    let error = check_file(set.0, "image", &[set, ("apps/web.yaml", by_reference)]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("spec.sources[0].helm.parameters[0]"),
        "{error}"
    );
}

#[test]
fn passes_files_that_the_application_does_not_read() {
    let dev = ("charts/web/values-dev.yaml", "image: {tag: v0}\n");
    let prod = ("charts/web/values-prod.yaml", "image: {tag: v1}\n");
    let of = |file: &str| {
        application(&format!(
            "{{valueFiles: [{file}], parameters: [{{name: image.tag, value: v1}}]}}"
        ))
    };
    let check = |file: &str| {
        let application = of(file);
        check_file(
            dev.0,
            "image",
            &[dev, prod, ("apps/web.yaml", &application)],
        )
    };
    check("values-prod.yaml").unwrap();
    check("values-dev.yaml").unwrap_err();
    // A name that is rendered may be the edited file's.
    check("'values-{{ env }}.yaml'").unwrap_err();
}

#[test]
fn finds_the_object_beside_the_edited_text() {
    let both = application("{values: 'image: {tag: v1}', valuesObject: {replicas: 2}}");
    let file = ("apps/web.yaml", both.as_str());
    for key in ["image", "spec.source.helm.values.image"] {
        let error = check_file(file.0, key, &[file]).unwrap_err().to_string();
        assert!(error.contains("helm.valuesObject"), "{error}");
    }
    let text = application("{values: 'image: {tag: v1}'}");
    check_file(file.0, "image", &[(file.0, &text)]).unwrap();
}

#[test]
fn finds_what_a_release_sets() {
    let values = release("values: {image: {tag: v1}}");
    wins("image", &values, "spec.values.image");
    passes("worker.image", &values);
    passes("image", &values.replace("charts/web", "charts/api"));
    let from = release("valuesFrom: [{kind: Secret, name: production}]");
    let warnings = check("image", "apps/web.yaml", &from).unwrap();
    assert!(
        warnings
            .iter()
            .any(|line| line.contains("Secret production")),
        "{warnings:?}"
    );
    let rendered =
        release("postRenderers: [{kustomize: {images: [{name: q.io/acme/web, newTag: v1}]}}]");
    wins(
        "image",
        &rendered,
        "spec.postRenderers[0].kustomize.images[0]",
    );
    passes("image", &rendered.replace("newTag: v1", "newTag: v9"));
    passes("image", &rendered.replace("acme/web", "acme/api"));
    let file = ("apps/web.yaml", rendered.as_str());
    assert!(check_file(file.0, "spec.values.image", &[file]).is_err());
}
