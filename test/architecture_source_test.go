package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sourcePackage is what the rules look at: the non-test files of one package,
// whatever their build tags.
type sourcePackage struct {
	path    string // below the module
	name    string
	doc     string   // first sentence of the package comment
	files   []string // non-test files
	imports []sourceImport
	inits   []string // files with an init function
	clock   []string // calls like time.Now, with their place
}

type sourceImport struct {
	path  string
	blank bool
}

// clockCalls are the functions of package time that look at the clock.
var clockCalls = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// loadSource lists every package of the module.
func loadSource(t *testing.T) []sourcePackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Name,Doc,Dir,GoFiles,CgoFiles,IgnoredGoFiles", "./...")
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	listed, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var out []sourcePackage
	for dec := json.NewDecoder(bytes.NewReader(listed)); ; {
		var p struct {
			ImportPath, Name, Doc, Dir        string
			GoFiles, CgoFiles, IgnoredGoFiles []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		s := sourcePackage{path: strings.TrimPrefix(p.ImportPath, module+"/"), name: p.Name, doc: p.Doc}
		for _, file := range slices.Concat(p.GoFiles, p.CgoFiles, p.IgnoredGoFiles) {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			if err := s.add(filepath.Join(p.Dir, file)); err != nil {
				t.Error(err)
			}
		}
		out = append(out, s)
	}
}

// add reads one file into the package.
func (s *sourcePackage) add(file string) error {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("read a source file: %w", err)
	}
	s.files = append(s.files, file)
	for _, i := range f.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return fmt.Errorf("%s: import %s: %w", file, i.Path.Value, err)
		}
		s.imports = append(s.imports, sourceImport{path: path, blank: i.Name != nil && i.Name.Name == "_"})
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv == nil && n.Name.Name == "init" {
				s.inits = append(s.inits, filepath.Base(file))
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clockCalls, n.Sel.Name) {
				at := fset.Position(n.Pos())
				s.clock = append(s.clock, fmt.Sprintf("time.%s at %s:%d", n.Sel.Name, filepath.Base(file), at.Line))
			}
		}
		return true
	})
	return nil
}
