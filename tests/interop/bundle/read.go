// Reads a resource out of a bundle with the code of Tekton's own bundle resolver and prints it.
// Usage: read BUNDLE KIND NAME
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/tektoncd/pipeline/pkg/resolution/resolver/bundle"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: read BUNDLE KIND NAME")
		os.Exit(2)
	}
	found, err := bundle.GetEntry(context.Background(), authn.DefaultKeychain, bundle.RequestOptions{
		Bundle: os.Args[1], Kind: os.Args[2], EntryName: os.Args[3],
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Stdout.Write(found.Data())
}
