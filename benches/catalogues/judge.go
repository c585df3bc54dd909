// Asks Tekton's own types and validation about each document of YAML files, as its admission webhook does.
// Prints FILE:LINE: KIND NAME: ok, or the refusal.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	pipelinev1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	pipelinev1beta1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1beta1"
	"knative.dev/pkg/apis"
	"sigs.k8s.io/yaml"
)

type object interface {
	apis.Defaultable
	apis.Validatable
}

func empty(version, kind string) object {
	switch version + " " + kind {
	case "tekton.dev/v1 Task":
		return &pipelinev1.Task{}
	case "tekton.dev/v1 Pipeline":
		return &pipelinev1.Pipeline{}
	case "tekton.dev/v1 PipelineRun":
		return &pipelinev1.PipelineRun{}
	case "tekton.dev/v1beta1 Task":
		return &pipelinev1beta1.Task{}
	case "tekton.dev/v1beta1 Pipeline":
		return &pipelinev1beta1.Pipeline{}
	case "tekton.dev/v1beta1 PipelineRun":
		return &pipelinev1beta1.PipelineRun{}
	case "tekton.dev/v1beta1 StepAction":
		return &pipelinev1beta1.StepAction{}
	}
	return nil
}

func judge(document []byte) (string, string) {
	var head struct {
		APIVersion, Kind string
		Metadata         struct{ Name, GenerateName string }
	}
	if err := yaml.Unmarshal(document, &head); err != nil {
		return "?", "not read: " + err.Error()
	}
	subject := empty(head.APIVersion, head.Kind)
	if subject == nil {
		return "", ""
	}
	title := head.Kind + " " + head.Metadata.Name + head.Metadata.GenerateName
	text, err := yaml.YAMLToJSON(document)
	if err != nil {
		return title, "not read: " + err.Error()
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(subject); err != nil {
		return title, "decoding: " + err.Error()
	}
	ctx := apis.WithinCreate(context.Background())
	subject.SetDefaults(ctx)
	if err := subject.Validate(ctx); err != nil {
		return title, "validation: " + strings.ReplaceAll(err.Error(), "\n", ", ")
	}
	return title, "ok"
}

func main() {
	for _, file := range os.Args[1:] {
		text, err := os.ReadFile(file)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		line := 1
		for _, document := range bytes.Split(append([]byte("\n"), text...), []byte("\n---")) {
			if title, verdict := judge(document); title != "" {
				fmt.Printf("%s:%d: %s: %s\n", file, line, title, verdict)
			}
			line += bytes.Count(document, []byte("\n")) + 1
		}
	}
}
