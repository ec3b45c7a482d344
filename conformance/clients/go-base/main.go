// One long-lived STS client made by aws-sdk-go-base, as the Terraform provider for AWS makes its own; one line of JSON per GetCallerIdentity.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	base "github.com/hashicorp/aws-sdk-go-base/v2"
	"github.com/hashicorp/aws-sdk-go-base/v2/diag"
)

var client *sts.Client

// What an assume_role block of the provider becomes.
func assumeRole() []base.AssumeRole {
	arn := os.Getenv("CLIENT_ASSUME_ROLE")
	if arn == "" {
		return nil
	}
	return []base.AssumeRole{{RoleARN: arn, SessionName: "terraform"}}
}

func identity() (string, error) {
	if client == nil {
		_, settings, problems := base.GetAwsConfig(context.Background(), &base.Config{
			AssumeRole: assumeRole(),
			Profile:    os.Getenv("CLIENT_PROFILE"),
			Region:     os.Getenv("AWS_REGION"),
			CallerName: "client",
			MaxRetries: 25,
		})
		for _, problem := range problems {
			if problem.Severity() == diag.SeverityError {
				return "", errors.New(problem.Summary() + ": " + problem.Detail())
			}
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
