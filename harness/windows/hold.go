// Keeps a file open until another one appears, as most Windows programs do: it shares reading and writing, not deleting.
package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	file, err := os.Open(os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	defer file.Close()
	if err := os.WriteFile(os.Args[2]+".open", nil, 0o600); err != nil {
		os.Exit(1)
	}
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(os.Args[2]); err == nil {
			return
		}
	}
}
