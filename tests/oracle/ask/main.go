// Answers programs of Rego: each line of the input is a JSON object with modules, data, input and a query, each line
// of the output has the value, or the error with its stage. It is Open Policy Agent itself, without a process for each.
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
	"github.com/open-policy-agent/opa/v1/util"
)

type asked struct {
	Modules []string       `json:"modules"`
	Data    map[string]any `json:"data"`
	Input   any            `json:"input"`
	Query   string         `json:"query"`
}

type answer struct {
	Value   any    `json:"value,omitempty"`
	Defined bool   `json:"defined"`
	Stage   string `json:"stage,omitempty"`
	Error   string `json:"error,omitempty"`
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
	limit, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	options := []func(*rego.Rego){rego.Query(a.Query), rego.Compiler(compiler), rego.Store(inmem.NewFromObject(a.Data))}
	if a.Input != nil {
		options = append(options, rego.Input(a.Input))
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

func main() {
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
