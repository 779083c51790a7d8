terraform {
  backend "oss" {
    bucket = "state"
    key    = "terraform.tfstate"
  }
}

# Built into Terraform: no provider is downloaded.
resource "terraform_data" "one" {
  input = "value"
}
