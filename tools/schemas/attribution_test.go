package main

import (
	"archive/zip"
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAttribution(t *testing.T) {
	ours, err := readAttribution(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(terms(ours.license), "Apache License Version 2.0, January 2004") {
		t.Fatal("LICENSE is not the Apache License that NOTICE names")
	}
	const mit = "Permission is hereby granted, free of charge, to any person."
	theirs := strings.Replace(ours.license, "{yyyy} {name of copyright owner}", "2014 Somebody Else", 1)
	with := attribution{ours.license, ours.notice + "\n    A library\n    of somebody.\n"}
	for _, test := range []struct {
		name    string
		ours    attribution
		files   map[string]string
		want    string
		licence string
	}{
		{"the same licence", ours, map[string]string{"LICENSE": theirs}, "", ""},
		{"its notice stands in ours", with, map[string]string{"LICENSE": theirs, "NOTICE": "A library of\nsomebody.\n"}, "", ""},
		{"its notice does not", ours, map[string]string{"LICENSE": theirs, "NOTICE": "A library of\nsomebody.\n"}, "it has a NOTICE that ours lacks", ""},
		{"another licence", ours, map[string]string{"LICENSE": "Permission is hereby denied."}, "its LICENSE is another than ours", ""},
		{"another term", ours, map[string]string{"LICENSE": strings.Replace(theirs, "royalty-free", "paid", 1)}, "its LICENSE is another than ours", ""},
		{"no licence", ours, map[string]string{"README": "Free!"}, "it has no LICENSE", ""},
		{"only one of another", ours, map[string]string{"third_party/LICENSE": theirs}, "it has no LICENSE", ""},
		{"another that NOTICE repeats", attribution{ours.license, ours.notice + "\n    " + mit}, map[string]string{"LICENSE.md": mit}, "", "MIT"},
		{"another that NOTICE has not", ours, map[string]string{"LICENSE.md": "Permission is hereby granted, free of charge, to me."}, "our NOTICE has not the text of its LICENSE", "MIT"},
		{"one that is called another", with, map[string]string{"LICENSE": "A library of somebody."}, "its LICENSE is not that of MIT", "MIT"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := source{Module: "example.com/m", Version: "v1.0.0", Licence: cmp.Or(test.licence, "Apache-2.0")}
			name := filepath.Join(t.TempDir(), "m.zip")
			out, err := os.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			archive := zip.NewWriter(out)
			for path, text := range test.files {
				entry, err := archive.Create("example.com/m@v1.0.0/" + path)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := entry.Write([]byte(text)); err != nil {
					t.Fatal(err)
				}
			}
			if err := archive.Close(); err != nil {
				t.Fatal(err)
			}
			if err := out.Close(); err != nil {
				t.Fatal(err)
			}
			err = test.ours.verify(s, name)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
