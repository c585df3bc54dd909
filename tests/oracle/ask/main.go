// Answers programs of Rego: each line of the input is a JSON object with modules, data, input and a query or several,
// each line of the output has the value, or the error with its stage. It is Open Policy Agent itself, without a process
// for each, and with the functions of Conforma's program, which are undefined until a test replaces them.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"strconv"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/types"
	"github.com/open-policy-agent/opa/v1/util"
)

type asked struct {
	Modules []string       `json:"modules"`
	Data    map[string]any `json:"data"`
	Input   any            `json:"input"`
	Query   string         `json:"query"`
	Queries []string       `json:"queries"`
	// How often the query is evaluated for its time.
	Repeat int `json:"repeat"`
}

type answer struct {
	Value   any    `json:"value,omitempty"`
	Defined bool   `json:"defined"`
	Stage   string `json:"stage,omitempty"`
	Error   string `json:"error,omitempty"`
	// Nanoseconds of one evaluation.
	Each int64 `json:"each,omitempty"`
	// The answers to several queries.
	Answers []answer `json:"answers,omitempty"`
}

// Functions of Conforma's program and how many arguments they have.
var functions = map[string]int{
	"ec.oci.blob": 1, "ec.oci.blob_files": 2, "ec.oci.descriptor": 1, "ec.oci.image_files": 2, "ec.oci.image_index": 1,
	"ec.oci.image_manifest": 1, "ec.oci.image_manifests": 1, "ec.oci.image_referrers": 1, "ec.oci.image_tag_refs": 1,
	"ec.oci.parsed_blob": 1, "ec.purl.is_valid": 1, "ec.purl.parse": 1, "ec.sigstore.verify_attestation": 2, "ec.sigstore.verify_image": 2,
}

func register() {
	for name, arity := range functions {
		arguments := make([]types.Type, arity)
		for i := range arguments {
			arguments[i] = types.A
		}
		ast.RegisterBuiltin(&ast.Builtin{Name: name, Decl: types.NewFunction(arguments, types.A)})
		topdown.RegisterBuiltinFunc(name, func(topdown.BuiltinContext, []*ast.Term, func(*ast.Term) error) error { return nil })
	}
}

func ask(a asked) answer {
	modules := map[string]*ast.Module{}
	for i, text := range a.Modules {
		name := "m" + strconv.Itoa(i) + ".rego"
		module, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{ProcessAnnotation: true})
		if err != nil {
			return answer{Stage: "parse", Error: err.Error()}
		}
		modules[name] = module
	}
	compiler := ast.NewCompiler()
	compiler.Compile(modules)
	if compiler.Failed() {
		return answer{Stage: "compile", Error: compiler.Errors.Error()}
	}
	if a.Queries == nil {
		return evaluate(compiler, a, a.Query)
	}
	var all answer
	for _, query := range a.Queries {
		all.Answers = append(all.Answers, evaluate(compiler, a, query))
	}
	return all
}

func evaluate(compiler *ast.Compiler, a asked, query string) answer {
	limit, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	options := []func(*rego.Rego){rego.Query(query), rego.Compiler(compiler), rego.Store(inmem.NewFromObject(a.Data))}
	if a.Input != nil {
		options = append(options, rego.Input(a.Input))
	}
	if a.Repeat > 0 {
		return measure(a.Repeat, options)
	}
	found, err := rego.New(options...).Eval(limit)
	switch {
	case limit.Err() != nil:
		return answer{Stage: "time"}
	case err != nil:
		return answer{Stage: "eval", Error: err.Error()}
	case len(found) == 0:
		return answer{}
	}
	return answer{Defined: true, Value: found[0].Expressions[0].Value}
}

func measure(repeat int, options []func(*rego.Rego)) answer {
	prepared, err := rego.New(options...).PrepareForEval(context.Background())
	if err != nil {
		return answer{Stage: "compile", Error: err.Error()}
	}
	var started time.Time
	for i := 0; i <= repeat; i++ {
		// The first evaluation warms up.
		if i == 1 {
			started = time.Now()
		}
		if _, err := prepared.Eval(context.Background()); err != nil {
			return answer{Stage: "eval", Error: err.Error()}
		}
	}
	return answer{Each: time.Since(started).Nanoseconds() / int64(repeat)}
}

func main() {
	register()
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<28)
	out := bufio.NewWriter(os.Stdout)
	for lines.Scan() {
		var a asked
		if err := util.UnmarshalJSON(lines.Bytes(), &a); err != nil {
			panic(err)
		}
		text, err := json.Marshal(ask(a))
		if err != nil {
			panic(err)
		}
		out.Write(text)
		out.WriteByte('\n')
		out.Flush()
	}
}
