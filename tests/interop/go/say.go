package main

import (
	"encoding/json"
	"fmt"
	"os"
)

type fields = map[string]any

func say(line fields) {
	text, _ := json.Marshal(line)
	fmt.Println(string(text))
}

func fail(err error) {
	say(fields{"event": "result", "ok": false, "error": err.Error()})
	os.Exit(1)
}
