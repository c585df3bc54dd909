package sink

// Deliveries of releases to the EventListener of triggers/release: which of them start a run. The listener, the interceptors
// and the templates are Tekton's own; the cluster is its test client, which holds a name once as an API server does.

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"testing"

	"github.com/tektoncd/triggers/pkg/apis/triggers/v1alpha1"
	"github.com/tektoncd/triggers/pkg/apis/triggers/v1beta1"
	"github.com/tektoncd/triggers/test"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	fakediscovery "k8s.io/client-go/discovery/fake"
	fakedynamic "k8s.io/client-go/dynamic/fake"
	ktesting "k8s.io/client-go/testing"
	"knative.dev/pkg/apis"
	"sigs.k8s.io/yaml"
)

const (
	secretText = "the shared secret"
	sourceURL  = "https://GIT-HOST/ACME/web.git"
	commitID   = "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7"
)

var runs = schema.GroupVersionResource{Group: "tekton.dev", Version: "v1", Resource: "pipelineruns"}

func object(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(os.Getenv("PROMOTE_TRIGGERS"), name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func interceptor(name string) *v1alpha1.ClusterInterceptor {
	return &v1alpha1.ClusterInterceptor{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.ClusterInterceptorSpec{ClientConfig: v1alpha1.ClientConfig{
			URL: &apis.URL{Scheme: "http", Host: "tekton-triggers-core-interceptors", Path: "/" + name},
		}},
	}
}

// listener is the shipped EventListener with a Secret of this content.
type listener struct {
	t      *testing.T
	sink   Sink
	client *fakedynamic.FakeDynamicClient
}

func start(t *testing.T, secret string) *listener {
	t.Helper()
	var el v1beta1.EventListener
	var template v1beta1.TriggerTemplate
	object(t, "event-listener.yaml", &el)
	object(t, "trigger-template.yaml", &template)
	el.Namespace, el.UID, template.Namespace = namespace, elUID, namespace
	resources := test.Resources{
		EventListeners:      []*v1beta1.EventListener{&el},
		TriggerTemplates:    []*v1beta1.TriggerTemplate{&template},
		ClusterInterceptors: []*v1alpha1.ClusterInterceptor{interceptor("gitlab"), interceptor("github"), interceptor("cel")},
		Secrets: []*corev1.Secret{{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "promote-webhook"},
			Data:       map[string][]byte{"token": []byte(secret)},
		}},
	}
	sink, client := getSinkAssets(t, resources, el.Name, nil)
	// The test client knows only some resources.
	discovery := sink.DiscoveryClient.(*fakediscovery.FakeDiscovery)
	run := metav1.APIResource{Name: runs.Resource, Kind: "PipelineRun", Namespaced: true, Group: runs.Group, Version: runs.Version}
	known := &metav1.APIResourceList{GroupVersion: runs.GroupVersion().String()}
	for _, list := range discovery.Resources {
		if list.GroupVersion == known.GroupVersion {
			known = list
		}
	}
	if len(known.APIResources) == 0 {
		discovery.Resources = append(discovery.Resources, known)
	}
	known.APIResources = append(known.APIResources, run)
	return &listener{t: t, sink: sink, client: client}
}

// deliver sends an event and waits until all triggers have looked at it. The host is always told 202.
func (l *listener) deliver(headers map[string]string, body []byte) {
	l.t.Helper()
	request := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response := httptest.NewRecorder()
	l.sink.HandleEvent(response, request)
	l.sink.WGProcessTriggers.Wait()
	if response.Code != http.StatusAccepted {
		l.t.Errorf("the host was told %d", response.Code)
	}
}

// attempts are the names of runs that were to be created, each time.
func (l *listener) attempts() []string {
	var names []string
	for _, action := range l.client.Actions() {
		create, ok := action.(ktesting.CreateAction)
		if !ok {
			continue
		}
		names = append(names, create.GetObject().(*unstructured.Unstructured).GetName())
	}
	return names
}

// started are the runs that exist, with the params that came from the event.
func (l *listener) started() map[string]map[string]string {
	l.t.Helper()
	found := map[string]map[string]string{}
	for _, name := range l.attempts() {
		run, err := l.client.Resource(runs).Namespace(namespace).Get(l.t.Context(), name, metav1.GetOptions{})
		if err != nil {
			l.t.Fatalf("%s: %v", name, err)
		}
		params, _, err := unstructured.NestedSlice(run.Object, "spec", "params")
		if err != nil {
			l.t.Fatal(err)
		}
		of := map[string]string{}
		for _, param := range params {
			param := param.(map[string]any)
			switch name := param["name"].(string); name {
			case "git-tag", "revision", "released-at", "git-url":
				of[name], _ = param["value"].(string)
			}
		}
		found[name] = of
	}
	return found
}

func sign(body []byte, secret string, algorithm func() hash.Hash) string {
	mac := hmac.New(algorithm, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// host is how a Git host delivers: its headers for a body and a secret, and a release by its number.
type host struct {
	name    string
	headers func(body []byte, secret string) map[string]string
	release func(id int) map[string]any
	run     string
	params  map[string]string
	// refused are changes after which nothing starts.
	refused map[string]func(map[string]any)
	edited  func(map[string]any)
}

func in(event map[string]any, member string) map[string]any { return event[member].(map[string]any) }

func hosts() []host {
	github := func(id int) map[string]any {
		return map[string]any{
			"action": "published",
			"release": map[string]any{
				"id": id, "tag_name": "v1.0", "draft": false, "prerelease": false,
				"published_at": "2026-08-05T10:00:00Z", "body": "Notes \"quoted\" $(params.x)\n",
			},
			"repository": map[string]any{"id": 45678901, "clone_url": sourceURL},
		}
	}
	signed := func(body []byte, secret string) map[string]string {
		return map[string]string{
			"X-GitHub-Event":      "release",
			"X-Hub-Signature-256": "sha256=" + sign(body, secret, sha256.New),
		}
	}
	params := map[string]string{"git-tag": "v1.0", "revision": "", "released-at": "2026-08-05T10:00:00Z", "git-url": sourceURL}
	refused := map[string]func(map[string]any){
		"created":    func(e map[string]any) { e["action"] = "created" },
		"released":   func(e map[string]any) { e["action"] = "released" },
		"edited":     func(e map[string]any) { e["action"] = "edited" },
		"deleted":    func(e map[string]any) { e["action"] = "deleted" },
		"a draft":    func(e map[string]any) { in(e, "release")["draft"] = true },
		"prerelease": func(e map[string]any) { in(e, "release")["prerelease"] = true },
		"elsewhere":  func(e map[string]any) { in(e, "repository")["clone_url"] = "https://GIT-HOST/OTHER/web.git" },
	}
	edited := func(e map[string]any) {
		in(e, "release")["body"] = "edited"
		in(e, "release")["published_at"] = "2026-09-01T00:00:00Z"
	}
	return []host{{
		name: "GitLab",
		headers: func(_ []byte, secret string) map[string]string {
			return map[string]string{"X-Gitlab-Event": "Release Hook", "X-Gitlab-Token": secret}
		},
		release: func(id int) map[string]any {
			return map[string]any{
				"object_kind": "release", "action": "create", "tag": "v1.0", "id": id,
				"released_at": "2026-08-05 10:00:00 UTC", "description": "Notes \"quoted\" $(tt.params.url)\n",
				"commit":  map[string]any{"id": commitID},
				"project": map[string]any{"id": 23456789, "git_http_url": sourceURL},
			}
		},
		run:    "release-gl-23456789-12345678",
		params: map[string]string{"git-tag": "v1.0", "revision": commitID, "released-at": "2026-08-05 10:00:00 UTC", "git-url": sourceURL},
		refused: map[string]func(map[string]any){
			"updated":   func(e map[string]any) { e["action"] = "update" },
			"deleted":   func(e map[string]any) { e["action"] = "delete" },
			"elsewhere": func(e map[string]any) { in(e, "project")["git_http_url"] = "https://GIT-HOST/OTHER/web.git" },
			"odd tag":   func(e map[string]any) { e["tag"] = "$(tt.params.url)" },
		},
		edited: func(e map[string]any) {
			e["description"] = "edited"
			e["released_at"] = "2026-09-01 00:00:00 UTC"
		},
	}, {
		name: "GitHub", headers: signed, release: github, run: "release-gh-45678901-12345678",
		params: params, refused: refused, edited: edited,
	}, {
		name: "Gitea",
		headers: func(body []byte, secret string) map[string]string {
			headers := signed(body, secret)
			headers["X-Gitea-Event"], headers["X-Gitea-Signature"] = "release", sign(body, secret, sha256.New)
			return headers
		},
		release: github, run: "release-gt-45678901-12345678",
		params: params, refused: refused, edited: edited,
	}}
}

func encoded(t *testing.T, event map[string]any) []byte {
	t.Helper()
	body, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestDeliveries(t *testing.T) {
	for _, host := range hosts() {
		body := encoded(t, host.release(12345678))
		right := host.headers(body, secretText)
		want := map[string]map[string]string{host.run: host.params}
		starts := func(t *testing.T, secret string, headers map[string]string, body []byte, want map[string]map[string]string) *listener {
			t.Helper()
			l := start(t, secret)
			l.deliver(headers, body)
			if got := l.started(); !reflect.DeepEqual(got, want) {
				t.Errorf("started %v, expected %v", got, want)
			}
			return l
		}
		none := map[string]map[string]string{}
		without := func(name string) map[string]string {
			headers := host.headers(body, secretText)
			delete(headers, name)
			return headers
		}
		t.Run(host.name+"/twice", func(t *testing.T) {
			l := starts(t, secretText, right, body, want)
			l.deliver(right, body)
			edited := host.release(12345678)
			host.edited(edited)
			again := encoded(t, edited)
			l.deliver(host.headers(again, secretText), again)
			if got := l.started(); !reflect.DeepEqual(got, want) {
				t.Errorf("after a second delivery %v, expected %v", got, want)
			}
			if got := l.attempts(); len(got) != 3 {
				t.Errorf("the deliveries were not tried: %v", got)
			}
			// Another release is another run.
			other := encoded(t, host.release(7))
			l.deliver(host.headers(other, secretText), other)
			var names []string
			for name := range l.started() {
				names = append(names, name)
			}
			sort.Strings(names)
			if len(names) != 2 {
				t.Errorf("two releases started %v", names)
			}
		})
		t.Run(host.name+"/wrong secret", func(t *testing.T) {
			starts(t, secretText, host.headers(body, "another secret"), body, none)
			starts(t, secretText, host.headers(body, ""), body, none)
			starts(t, secretText, host.headers(body, secretText+"x"), body, none)
			// The Secret has a newline that the host does not know of.
			starts(t, secretText+"\n", right, body, none)
		})
		t.Run(host.name+"/no secret", func(t *testing.T) {
			for _, name := range []string{"X-Gitlab-Token", "X-Hub-Signature-256"} {
				if _, has := right[name]; has {
					starts(t, secretText, without(name), body, none)
				}
			}
		})
		if _, has := right["X-Hub-Signature-256"]; has {
			t.Run(host.name+"/signature", func(t *testing.T) {
				starts(t, secretText, right, append(bytes.Clone(body), ' '), none)
				old := without("X-Hub-Signature-256")
				old["X-Hub-Signature"] = "sha1=" + sign(body, secretText, sha1.New)
				starts(t, secretText, old, body, none)
			})
		}
		t.Run(host.name+"/other event", func(t *testing.T) {
			for _, name := range []string{"X-Gitlab-Event", "X-GitHub-Event"} {
				if _, has := right[name]; has {
					other := without(name)
					starts(t, secretText, other, body, none)
					other[name] = map[string]string{"X-Gitlab-Event": "Push Hook", "X-GitHub-Event": "push"}[name]
					starts(t, secretText, other, body, none)
				}
			}
		})
		for what, change := range host.refused {
			t.Run(host.name+"/"+what, func(t *testing.T) {
				event := host.release(12345678)
				change(event)
				body := encoded(t, event)
				starts(t, secretText, host.headers(body, secretText), body, none)
			})
		}
	}
}
