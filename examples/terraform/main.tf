# The state is in OSS, the resources are in two regions.
# Key, token and default region come from the environment: nothing secret is written here.
# Change the bucket (versioned, not readable by others) and the regions.
terraform {
  required_version = ">= 1.5"

  required_providers {
    alicloud = {
      source  = "aliyun/alicloud"
      version = "~> 1.289"
    }
  }

  backend "oss" {
    bucket  = "octo-org-terraform-state"
    prefix  = "octo-repo"
    key     = "terraform.tfstate"
    region  = "cn-hangzhou"
    encrypt = true
  }
}

# The region of the step's input.
provider "alicloud" {}

provider "alicloud" {
  alias  = "shanghai"
  region = "cn-shanghai"
}

data "alicloud_caller_identity" "current" {}

resource "alicloud_oss_bucket" "logs" {
  bucket = "octo-org-logs-${data.alicloud_caller_identity.current.account_id}"
}

resource "alicloud_oss_bucket" "copies" {
  provider = alicloud.shanghai
  bucket   = "octo-org-copies-${data.alicloud_caller_identity.current.account_id}"
}
