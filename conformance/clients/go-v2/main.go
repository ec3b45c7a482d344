// One long-lived STS client of the AWS SDK for Go v2; one line of JSON per GetCallerIdentity.
package main

import (
	"context"
	"encoding/json"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

var client *sts.Client

func identity() (string, error) {
	if client == nil {
		settings, err := config.LoadDefaultConfig(context.Background(), config.WithSharedConfigProfile(os.Getenv("CLIENT_PROFILE")))
		if err != nil {
			return "", err
		}
		client = sts.NewFromConfig(settings)
	}
	answer, err := client.GetCallerIdentity(context.Background(), &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return *answer.Arn, nil
}

func call() bool {
	arn, err := identity()
	line := map[string]any{"t": time.Now().UnixMilli()}
	if err == nil {
		line["arn"] = arn
	} else {
		line["error"] = err.Error()
	}
	if json.NewEncoder(os.Stdout).Encode(line) != nil {
		os.Exit(2)
	}
	return err == nil
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "once" {
		if !call() {
			os.Exit(1)
		}
		return
	}
	seconds, err := strconv.ParseFloat(os.Getenv("CLIENT_SECONDS"), 64)
	start := time.Now()
	for err != nil || time.Since(start).Seconds() < seconds {
		call()
		time.Sleep(time.Second)
	}
}
