// One long-lived S3 client of the AWS SDK for Go v2 that writes, reads and lists objects: one line of JSON for each turn.
// usage: loop SECONDS INTERVAL; BUCKET names the bucket, PREFIX the folder in it.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// A line of the output. Its reader takes only lines that begin with "t".
type line struct {
	T       int64  `json:"t"`
	Ok      bool   `json:"ok,omitempty"`
	Session string `json:"session,omitempty"`
	Error   string `json:"error,omitempty"`
	Done    bool   `json:"done,omitempty"`
}

func main() {
	seconds, interval := number(1), number(2)
	settings, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	client := s3.NewFromConfig(settings)
	end := time.Now().Add(seconds)
	for count := 1; time.Now().Before(end); count++ {
		start := time.Now()
		if session, err := turn(client, settings.Credentials, strconv.Itoa(count)); err == nil {
			print(line{T: start.UnixMilli(), Ok: true, Session: session})
		} else {
			print(line{T: start.UnixMilli(), Error: err.Error()})
		}
		time.Sleep(time.Until(start.Add(interval)))
	}
	print(line{T: time.Now().UnixMilli(), Done: true})
}

func turn(client *s3.Client, credentials aws.CredentialsProvider, text string) (string, error) {
	bound, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	bucket, key := aws.String(os.Getenv("BUCKET")), aws.String(os.Getenv("PREFIX")+"-go/"+text)
	if _, err := client.PutObject(bound, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader(text)}); err != nil {
		return "", err
	}
	object, err := client.GetObject(bound, &s3.GetObjectInput{Bucket: bucket, Key: key})
	if err != nil {
		return "", err
	}
	defer object.Body.Close()
	if content, err := io.ReadAll(object.Body); err != nil || string(content) != text {
		return "", fmt.Errorf("read something else: %v", err)
	}
	list, err := client.ListObjectsV2(bound, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: key})
	if err != nil {
		return "", err
	}
	if *list.KeyCount != 1 {
		return "", fmt.Errorf("listed %d", *list.KeyCount)
	}
	keys, err := credentials.Retrieve(bound)
	if err != nil {
		return "", err
	}
	// Which session it was, and nothing that anybody could use.
	sum := sha256.Sum256([]byte(keys.AccessKeyID))
	return hex.EncodeToString(sum[:])[:8], nil
}

func print(one line) {
	if json.NewEncoder(os.Stdout).Encode(one) != nil {
		os.Exit(2)
	}
}

func number(index int) time.Duration {
	value, err := strconv.Atoi(os.Args[index])
	if err != nil {
		panic(err)
	}
	return time.Duration(value) * time.Second
}
